//! What makes a session hybrid: a KEM at both ends, and which offers a receiver takes.

use aseptic_core::Result;
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_core::platform::Entropy;
use aseptic_core::secret::Secret;
use aseptic_core::trust::VerifiedPeer;

/// Encapsulation for the holder of a KEM key. Not in a [`Suite`](aseptic_core::crypto::Suite):
/// whoever offers no hybrid session links and names none.
pub trait Kem: Send + Sync {
    /// The keys it encapsulates for.
    fn alg(&self) -> KeyAlg;
    /// Makes a fresh secret for the holder of `key`, writes the ciphertext that carries it, and gives its length.
    /// [`Reason::KeyInvalid`] for what is no key.
    fn encapsulate(
        &self,
        entropy: &dyn Entropy,
        key: &[u8],
        ciphertext: &mut [u8],
        secret: &mut Secret<32>,
    ) -> Result<usize>;
}

/// Something that holds the private key of a KEM.
pub trait Decapsulate {
    /// Its public key.
    fn public(&self) -> Result<PublicKey<'_>>;
    /// The secret in a ciphertext. One that was made for another key gives another secret, not an error.
    fn decapsulate(&self, ciphertext: &[u8], secret: &mut Secret<32>) -> Result<()>;
}

/// The KEM key of a recipient.
#[derive(Clone, Copy)]
pub struct HybridKey<'k> {
    /// What the owner's store pins: of [`Trust::pinned_long`](aseptic_core::trust::Trust::pinned_long).
    pub peer: &'k VerifiedPeer,
    /// The public key, by whatever way it came.
    pub key: &'k [u8],
    /// The algorithm.
    pub kem: &'k dyn Kem,
}

/// Which offers a receiver with a KEM key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Hybrid ones alone; any other is [`Reason::HybridRequired`].
    Hybrid,
    /// Those without a KEM as well: while there are senders that have none.
    Either,
}

/// Bytes of a ciphertext of X-Wing.
pub(crate) const CIPHERTEXT: usize = 1120;

/// One secret after the other.
pub(crate) fn both(first: &Secret<32>, second: &Secret<32>) -> Secret<64> {
    let mut both = Secret::zeroed();
    for (room, byte) in both.expose_mut().iter_mut().zip(first.expose().iter().chain(second.expose())) {
        *room = *byte;
    }
    both
}
