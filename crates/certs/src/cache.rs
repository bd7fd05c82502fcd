//! Signatures of authorities that were found good before, so that not every handshake verifies them again.

use core::array;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

/// Remembers the last `N` signatures of authorities that were found good; the oldest gives way. See
/// [`PathValidator::with_cache`](crate::PathValidator::with_cache).
///
/// What is remembered is a fact of mathematics: this key made this signature over these bytes. It is as true after a change of
/// trust, of time or of revocation as before, so nothing has to be forgotten for safety. Everything that can change is judged
/// anew for every path: anchors, denied keys, constraints, rules, validity and revocation.
///
/// Only signatures over certificates between leaf and anchor are remembered, and only on a path that leads to an anchor: a
/// stranger cannot fill it, whatever he sends. An entry takes 32 bytes: a device knows two or three authorities, a hospital a
/// dozen. It may be shared between threads, and nobody ever waits for it.
#[derive(Debug)]
pub struct Verified<const N: usize = 8> {
    digests: [[AtomicU32; WORDS]; N],
    next: AtomicUsize,
}

impl<const N: usize> Verified<N> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self { digests: array::from_fn(|_| array::from_fn(|_| AtomicU32::new(0))), next: AtomicUsize::new(0) }
    }
}

impl<const N: usize> Default for Verified<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A cache of any size.
pub(crate) trait Signatures: Send + Sync {
    /// Whether the signature with this digest was found good before.
    fn knows(&self, digest: &[u8; 32]) -> bool;

    /// Remembers that it was.
    fn learn(&self, digest: &[u8; 32]);
}

// Two threads may write one entry at the same time and leave words of two digests in it. That is no digest of anything: to
// find a signature with it is to find a second preimage.
impl<const N: usize> Signatures for Verified<N> {
    fn knows(&self, digest: &[u8; 32]) -> bool {
        let wanted = words(digest);
        // Zeros are an empty entry.
        wanted != [0; WORDS]
            && self.digests.iter().any(|entry| entry.iter().zip(wanted).all(|(held, word)| held.load(Relaxed) == word))
    }

    fn learn(&self, digest: &[u8; 32]) {
        if self.knows(digest) {
            return;
        }
        let place = self.next.load(Relaxed);
        for (held, word) in self.digests.get(place).into_iter().flatten().zip(words(digest)) {
            held.store(word, Relaxed);
        }
        self.next.store(place.checked_add(1).filter(|next| *next < N).unwrap_or_default(), Relaxed);
    }
}

fn words(digest: &[u8; 32]) -> [u32; WORDS] {
    let (words, _) = digest.as_chunks::<4>();
    array::from_fn(|index| words.get(index).map_or(0, |word| u32::from_ne_bytes(*word)))
}

const WORDS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way_and_nothing_is_held_twice() {
        let cache = Verified::<2>::new();
        let digest = |byte| [byte; 32];
        assert!(!cache.knows(&[0; 32]));
        cache.learn(&digest(1));
        cache.learn(&digest(1));
        cache.learn(&digest(2));
        assert!(cache.knows(&digest(1)) && cache.knows(&digest(2)));
        cache.learn(&digest(3));
        assert!(!cache.knows(&digest(1)) && cache.knows(&digest(2)) && cache.knows(&digest(3)));
        let none = Verified::<0>::new();
        none.learn(&digest(1));
        assert!(!none.knows(&digest(1)));
    }

    #[test]
    fn every_byte_of_a_digest_counts() {
        let cache = Verified::<1>::new();
        let known: [u8; 32] = array::from_fn(|index| u8::try_from(index).unwrap());
        cache.learn(&known);
        assert!(cache.knows(&known));
        for at in 0..32 {
            let mut other = known;
            other[at] ^= 1;
            assert!(!cache.knows(&other));
        }
    }
}
