//! What an integrator implements: six object-safe traits and an event hook.
//!
//! All methods take `&self`; an implementation that needs to mutate uses its own lock or cell. The library calls them on
//! the thread (or task) that called the library, never from an interrupt, and never while it holds a lock of its own.
//! Every call may fail; the library then leaves the old state or the new one, never a third.

use crate::crypto::{KeyAlg, Message};
use crate::reason::Reason;
use crate::secret::Secret;
use crate::time::Time;

/// Why a platform call did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Not there now, or not on this device; a later call may succeed.
    Unavailable,
    /// The medium or the engine reported an error.
    Io,
    /// No room left.
    Full,
    /// Nothing is stored under this name.
    NotFound,
    /// The platform forbids this operation (permissions, key policy).
    Denied,
    /// What is stored cannot be read back as it was written.
    Corrupt,
}

/// A result of a platform call.
pub type Outcome<T> = core::result::Result<T, Fault>;

/// A source of randomness.
pub trait Entropy {
    /// Fills all of `out` with full-entropy bytes, or fails and the content of `out` is not to be used.
    fn fill(&self, out: &mut [u8]) -> Outcome<()>;
}

/// The device's idea of time. A device without a reliable clock is a normal device: it says so.
pub trait Clock {
    /// The wall clock, with how far it can be trusted.
    fn now(&self) -> Time;
    /// Milliseconds since boot; never steps back while the device runs.
    fn uptime(&self) -> u64;
}

/// The name of one stored blob. The only slots in use are those of [`crate::record::Kind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(pub u16);

/// Small blobs (at most [`crate::limits::SLOT`] bytes) that survive power loss.
pub trait Store {
    /// Copies the blob into the front of `out` and gives its length; [`Fault::NotFound`] if there is none,
    /// [`Fault::Full`] if `out` is too small.
    fn load(&self, slot: Slot, out: &mut [u8]) -> Outcome<usize>;
    /// Replaces the blob. After a power loss the slot holds the old blob or the new one; where the medium can tear a
    /// write all the same, [`crate::record`] still finds the old one.
    fn save(&self, slot: Slot, bytes: &[u8]) -> Outcome<()>;
    /// Removes the blob; removing what is not there succeeds. Of a slot from [`crate::limits::SECRET_SLOTS`] on no copy of the
    /// bytes stays on the medium, as far as the medium allows.
    fn erase(&self, slot: Slot) -> Outcome<()>;
}

/// The name of one monotonic counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum Counter {
    /// The lowest manifest sequence number that may run.
    UpdateFloor = 1,
    /// The version of the manufacturer's trust store, so that an old one put back is told.
    TrustManufacturer = 2,
    /// The version of the owner's trust store.
    TrustOwner = 3,
    /// How often the sender of messages had to start its sequence numbers over.
    SenderEpoch = 4,
    /// The number of the last downgrade token that was used.
    Downgrades = 5,
    /// For the self-test of a port alone; nothing depends on its value.
    SelfTest = 7,
}

/// What a counter is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strength {
    /// Fuses, RPMB, a TPM or a secure element: writing the flash back does not step it back.
    HardwareMonotonic,
    /// A record in ordinary flash: it survives power loss, but whoever can rewrite the flash can step it back.
    FlashOnly,
}

/// Counters that never decrease.
pub trait Counters {
    /// The value; a counter never advanced reads 0.
    fn read(&self, counter: Counter) -> Outcome<u64>;
    /// Moves the counter to `to`. Idempotent; a lower `to` changes nothing and succeeds. Interrupted, the counter holds
    /// the old value or the new one.
    fn advance(&self, counter: Counter, to: u64) -> Outcome<()>;
    /// What stands behind the values.
    fn strength(&self) -> Strength;
}

/// The name of one private key. 0 is never a key. Ids are chosen by the library and never reused while a record names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u32);

/// What a key may do, fixed when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KeyUse {
    /// [`Keys::sign`] alone.
    Sign = 1,
    /// [`Keys::agree`] alone.
    Agree = 2,
}

/// The policy of a key, fixed at creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyPolicy {
    /// The one algorithm the key is for.
    pub alg: KeyAlg,
    /// The one thing the key may do.
    pub usage: KeyUse,
}

/// What is to be signed.
pub enum SignInput<'m> {
    /// The message itself; the key store hashes it as the algorithm wants.
    Message(&'m mut dyn Message),
    /// The finished digest of the hash that belongs to the key's algorithm (32 bytes of SHA-256 for P-256).
    Digest(&'m [u8]),
}

/// Whether a slow engine (a secure element behind a bus) is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// Finished, with the result.
    Done(T),
    /// Not yet: ask again later with the same arguments.
    Pending,
}

/// Private keys, which never cross this boundary.
pub trait Keys {
    /// Makes a key under `id`; [`Fault::Denied`] if the id is taken. After power loss the key is whole or absent.
    fn generate(&self, id: KeyId, policy: KeyPolicy) -> Outcome<()>;
    /// Writes the public key (P-256: 65 bytes, SEC 1 uncompressed; Ed25519, X25519: 32 bytes) and gives its policy and length.
    fn public(&self, id: KeyId, out: &mut [u8]) -> Outcome<(KeyPolicy, usize)>;
    /// Signs; the signature has the fixed length of its algorithm (P-256: r || s, 64 bytes; Ed25519: 64 bytes).
    fn sign(&self, id: KeyId, input: SignInput<'_>, out: &mut [u8]) -> Outcome<Progress<usize>>;
    /// The Diffie-Hellman shared secret with `peer` (encoded as by `public`): the x coordinate, or the X25519 output.
    /// [`Fault::Denied`] for a peer that is no valid key of the curve, or of small order.
    fn agree(&self, id: KeyId, peer: &[u8], out: &mut Secret<32>) -> Outcome<()>;
    /// The lowest id above `after` that exists, for walking all keys.
    fn next(&self, after: KeyId) -> Outcome<Option<KeyId>>;
    /// Removes the key beyond recovery, also when its entry cannot be parsed; removing what is not there succeeds.
    fn destroy(&self, id: KeyId) -> Outcome<()>;
}

/// One place for a program image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum ImageSlot {
    /// The first slot.
    A = 0,
    /// The second slot.
    B = 1,
}

impl ImageSlot {
    /// The slot that is not this one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// The shape of one image slot, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Bytes in the slot; a multiple of `erase_size`.
    pub size: u64,
    /// The unit of erasing; a power of two.
    pub erase_size: u32,
    /// The unit and alignment of writing; a power of two, at most 32.
    pub write_size: u32,
}

/// How the boot loader is to treat the selected slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BootMode {
    /// Boot it once; without [`BootMode::Permanent`] before the next reset the other slot boots again.
    Trial = 1,
    /// Boot it from now on.
    Permanent = 2,
}

/// Program slots; serves update alone.
pub trait Images {
    /// The shape of a slot.
    fn geometry(&self, slot: ImageSlot) -> Outcome<Geometry>;
    /// Erases `len` bytes at `offset`, both multiples of the erase size. Interrupted, the range holds anything.
    fn erase(&self, slot: ImageSlot, offset: u64, len: u64) -> Outcome<()>;
    /// Writes to erased bytes; `offset` is a multiple of the write size, and so is the length except at the image's end.
    fn write(&self, slot: ImageSlot, offset: u64, bytes: &[u8]) -> Outcome<()>;
    /// Reads `out.len()` bytes from the medium itself, not from a cache.
    fn read(&self, slot: ImageSlot, offset: u64, out: &mut [u8]) -> Outcome<()>;
    /// The slot that is running now.
    fn running(&self) -> Outcome<ImageSlot>;
    /// Chooses the slot of the next boot. Idempotent; interrupted, the old choice or the new one holds.
    fn select(&self, slot: ImageSlot, mode: BootMode) -> Outcome<()>;
}

/// Something a log should show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What happened, from the one table of reasons.
    pub reason: Reason,
    /// A number that goes with it (a sequence number, a slot, an id); 0 where none does.
    pub detail: u64,
}

/// The sink of security events.
pub trait Events {
    /// Takes note of `event`. Must not fail and must not call the library.
    fn on_event(&self, event: Event);
}

/// Everything the library may ask of the machine.
#[derive(Clone, Copy)]
pub struct Platform<'a> {
    /// Randomness.
    pub entropy: &'a dyn Entropy,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Small durable blobs.
    pub store: &'a dyn Store,
    /// Monotonic counters.
    pub counters: &'a dyn Counters,
    /// Private keys.
    pub keys: &'a dyn Keys,
    /// Program slots.
    pub images: &'a dyn Images,
    /// Security events.
    pub events: &'a dyn Events,
}

impl Platform<'_> {
    /// Reports `reason` with a number to the event hook.
    pub fn event(&self, reason: Reason, detail: u64) {
        self.events.on_event(Event { reason, detail });
    }
}

/// A part that this device does not have: every call fails with [`Fault::Unavailable`], the clock knows nothing, events
/// go nowhere. A bootloader has no keys, a sensor without field updates no image slots.
#[derive(Clone, Copy, Debug, Default)]
pub struct Absent;

macro_rules! unavailable {
    ($($name:ident: $($method:ident($($argument:ty),*) -> $value:ty),+;)+) => {$(
        impl $name for Absent {$(
            fn $method(&self, $(_: $argument),*) -> Outcome<$value> {
                Err(Fault::Unavailable)
            }
        )+}
    )+};
}

#[rustfmt::skip]
unavailable! {
    Entropy: fill(&mut [u8]) -> ();
    Store: load(Slot, &mut [u8]) -> usize, save(Slot, &[u8]) -> (), erase(Slot) -> ();
    Keys: generate(KeyId, KeyPolicy) -> (), public(KeyId, &mut [u8]) -> (KeyPolicy, usize),
        sign(KeyId, SignInput<'_>, &mut [u8]) -> Progress<usize>, agree(KeyId, &[u8], &mut Secret<32>) -> (),
        next(KeyId) -> Option<KeyId>, destroy(KeyId) -> ();
    Images: geometry(ImageSlot) -> Geometry, erase(ImageSlot, u64, u64) -> (), write(ImageSlot, u64, &[u8]) -> (),
        read(ImageSlot, u64, &mut [u8]) -> (), running() -> ImageSlot, select(ImageSlot, BootMode) -> ();
}

impl Clock for Absent {
    fn now(&self) -> Time {
        Time::UNKNOWN
    }
    fn uptime(&self) -> u64 {
        0
    }
}
impl Counters for Absent {
    fn read(&self, _: Counter) -> Outcome<u64> {
        Err(Fault::Unavailable)
    }
    fn advance(&self, _: Counter, _: u64) -> Outcome<()> {
        Err(Fault::Unavailable)
    }
    fn strength(&self) -> Strength {
        Strength::FlashOnly
    }
}
impl Events for Absent {
    fn on_event(&self, _: Event) {}
}
