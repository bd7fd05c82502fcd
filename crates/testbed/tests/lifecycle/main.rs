//! The whole life of one device, disturbed at every call and at every write.
//!
//! * [`device`] is the device's application: it looks at what is stored and goes on from there, as it does at each start.
//! * [`world`] is everybody else: maker, hospital, author, record adapter.
//! * [`sweep`] disturbs the life in every single way and judges what is left.
//! * [`refusals`] shows the device everything that it must refuse, and compares what it stores before and after.

mod device;
mod refusals;
#[path = "../common/registrar.rs"]
mod registrar;
mod sweep;
mod world;
