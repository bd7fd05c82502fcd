//! What the registrar remembers: renewals, the queue, roll-overs, its audit log, and what survives a kill.

mod common;
mod office {
    mod backup;
    pub(crate) mod desk;
    mod kill;
    mod queue;
    mod refusals;
    mod renewal;
    mod roll_over;
}
