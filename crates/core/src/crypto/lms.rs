//! Verification of HSS/LMS signatures (RFC 8554, SP 800-208): long-lived signatures that rest on a hash function alone.
//!
//! | | supported | known and refused ([`Reason::AlgorithmUnsupported`]) |
//! | --- | --- | --- |
//! | LMS | SHA-256 with 32 bytes (RFC 8554) and with 24 (RFC 9858), heights 5 to 25 | SHAKE256 sets of RFC 9858 |
//! | LM-OTS | the same, w = 1, 2, 4, 8 | SHAKE256 sets |
//! | HSS | 1 to 8 levels | |
//!
//! LMS and LM-OTS of a level have digests of one length (SP 800-208 section 4). A signature has one encoding: what is too
//! long, too short, of another type or number of levels than the key is refused.
//!
//! A signature takes 800 to 10,000 bytes and more and need never lie in memory: [`verify`] reads it from a [`Source`] in
//! pieces of at most 56 bytes. What it holds are two running hashes and some 250 bytes.

use crate::crypto::{Hash, HashAlg, Message, Parts, SigAlg, Verifier};
use crate::reason::Reason;
use crate::{Result, bytes};

/// HSS/LMS with SHA-256 as an entry of a [`Suite`](crate::crypto::Suite), over a hash engine of it.
#[derive(Clone, Copy)]
pub struct HssLms<'a>(pub &'a dyn Hash);

impl Verifier for HssLms<'_> {
    fn alg(&self) -> SigAlg {
        SigAlg::HssLms
    }

    fn verify(&self, key: &[u8], message: &mut dyn Message, signature: &[u8]) -> Result<()> {
        verify(self.0, key, message, &mut { signature })
    }
}

/// A signature that is read in pieces from wherever it lies: memory, flash, a file.
///
/// It must not change during a verification; each byte of it is read once, not quite in order.
pub trait Source {
    /// Bytes of the whole signature.
    fn size(&self) -> usize;
    /// Fills all of `out` from `offset` on, or gives an error.
    fn read(&mut self, offset: usize, out: &mut [u8]) -> Result<()>;
}

impl Source for &[u8] {
    fn size(&self) -> usize {
        self.len()
    }

    fn read(&mut self, offset: usize, out: &mut [u8]) -> Result<()> {
        let rest = self.get(offset..).ok_or(Reason::SignatureInvalid)?;
        bytes::copy(rest.get(..out.len()).ok_or(Reason::SignatureInvalid)?, out).map(drop).ok_or(Reason::Internal)
    }
}

/// Verifies a signature of `message` by the HSS public `key` (RFC 8554 section 6.3): 60 or 52 bytes.
///
/// [`Reason::SignatureInvalid`] unless it verifies, [`Reason::KeyInvalid`] for a key of the wrong length, with types that
/// do not exist or without 1 to 8 levels, [`Reason::AlgorithmUnsupported`] for SHAKE and for a `hash` that is not SHA-256.
/// Errors of the source and of the hash engine are handed on.
pub fn verify(hash: &dyn Hash, key: &[u8], message: &mut dyn Message, signature: &mut dyn Source) -> Result<()> {
    if hash.alg() != HashAlg::Sha256 {
        return Err(Reason::AlgorithmUnsupported);
    }
    let (levels, key) = key.split_first_chunk().ok_or(Reason::KeyInvalid)?;
    let levels = u32::from_be_bytes(*levels);
    if !(1..=LEVELS).contains(&levels) {
        return Err(Reason::KeyInvalid);
    }
    let mut public = Public::parse(key)?;
    let mut at = Cursor { source: signature, offset: 0 };
    let below = levels.saturating_sub(1);
    if at.number()? != below {
        return Err(Reason::SignatureInvalid);
    }
    for _ in 0..below {
        // What a level signs, the key of the next, stands behind its signature and is wanted first.
        let mut behind = Cursor { source: &mut *at.source, offset: at.offset.saturating_add(public.set.signature()) };
        let mut bytes = [0; PUBLIC];
        let (next, length) = Public::read(&mut behind, &mut bytes)?;
        let signed = bytes.get(..length).ok_or(Reason::Internal)?;
        let end = behind.offset;
        public.verify(hash, &mut Parts(&[signed]), &mut at)?;
        (public, at.offset) = (next, end);
    }
    if at.offset.checked_add(public.set.signature()) != Some(at.source.size()) {
        return Err(Reason::SignatureInvalid);
    }
    public.verify(hash, message, &mut at)
}

/// An LMS public key: `type || LM-OTS type || I || T[1]`.
struct Public {
    set: Set,
    types: [u32; 2],
    id: [u8; 16],
    root: [u8; 32],
}

impl Public {
    fn parse(key: &[u8]) -> Result<Self> {
        let (first, rest) = key.split_first_chunk().ok_or(Reason::KeyInvalid)?;
        let (second, rest) = rest.split_first_chunk().ok_or(Reason::KeyInvalid)?;
        let types = [u32::from_be_bytes(*first), u32::from_be_bytes(*second)];
        let (set, (id, rest)) = (Set::of(types)?, rest.split_first_chunk().ok_or(Reason::KeyInvalid)?);
        let mut root = [0; 32];
        if rest.len() != set.n || bytes::copy(rest, &mut root).is_none() {
            return Err(Reason::KeyInvalid);
        }
        Ok(Self { set, types, id: *id, root })
    }

    /// Reads the key of a lower level; gives its length too.
    fn read(from: &mut Cursor<'_>, bytes: &mut [u8; PUBLIC]) -> Result<(Self, usize)> {
        let (types, rest) = bytes.split_first_chunk_mut::<8>().ok_or(Reason::Internal)?;
        from.fill(types)?;
        let [a, b, c, d, e, f, g, h] = *types;
        let set = Set::of([u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]).map_err(lower)?;
        from.fill(rest.get_mut(..set.n.saturating_add(16)).ok_or(Reason::Internal)?)?;
        let length = set.n.saturating_add(24);
        let key = Self::parse(bytes.get(..length).ok_or(Reason::Internal)?).map_err(lower)?;
        Ok((key, length))
    }

    /// RFC 8554 algorithm 6a with 4b: computes the root that the signature at `from` leads to.
    fn verify(&self, hash: &dyn Hash, message: &mut dyn Message, from: &mut Cursor<'_>) -> Result<()> {
        let Set { n, w, p, shift, h } = self.set;
        let [lms, ots] = self.types;
        let leaf = from.number()?;
        if leaf.checked_shr(h) != Some(0) || from.number()? != ots {
            return Err(Reason::SignatureInvalid);
        }
        let mut node = [0; 32];
        let node = &mut node;
        // Q with its checksum: which step of each chain the signature shows.
        let mut steps = [0; 34];
        let parts = [&self.id[..], &leaf.to_be_bytes(), &D_MESG, from.digest(node, n)?, &[]];
        digest(hash, parts, Some(message), &mut steps)?;
        let (wanted, mask) = (steps.get(..n).ok_or(Reason::Internal)?, u8::MAX.wrapping_shr(8_u32.wrapping_sub(w)));
        let sum = digits(wanted, w).fold(0_u16, |sum, digit| sum.wrapping_add(u16::from(digit ^ mask)));
        let tail = steps.get_mut(n..).ok_or(Reason::Internal)?;
        bytes::copy(&sum.wrapping_shl(shift).to_be_bytes(), tail).ok_or(Reason::Internal)?;

        // Kc, the hash over the ends of all chains.
        let mut ends = hash.start()?;
        for part in [&self.id[..], &leaf.to_be_bytes(), &D_PBLC] {
            hash.update(&mut ends, part)?;
        }
        let mut block = Block::new(&self.id, leaf);
        for (chain, digit) in (0..p).zip(digits(&steps, w)) {
            let end = block.chain(chain, n, from)?;
            for step in digit..mask {
                end.step(hash, step, n)?;
            }
            hash.update(&mut ends, end.value.get(..n).ok_or(Reason::Internal)?)?;
        }
        hash.finish(ends, node)?;

        if from.number()? != lms {
            return Err(Reason::SignatureInvalid);
        }
        let mut number = leaf | 1_u32.wrapping_shl(h);
        let mut sibling = [0; 32];
        self.hash(hash, number, &D_LEAF, [node.get(..n).unwrap_or_default(), &[]]).map(|leaf| *node = leaf)?;
        for _ in 0..h {
            let (inner, beside) = (node.get(..n).ok_or(Reason::Internal)?, from.digest(&mut sibling, n)?);
            let pair = if number & 1 == 1 { [beside, inner] } else { [inner, beside] };
            number = number.wrapping_shr(1);
            *node = self.hash(hash, number, &D_INTR, pair)?;
        }
        if node.get(..n) == self.root.get(..n) { Ok(()) } else { Err(Reason::SignatureInvalid) }
    }

    fn hash(&self, hash: &dyn Hash, number: u32, domain: &[u8; 2], content: [&[u8]; 2]) -> Result<[u8; 32]> {
        let ([first, second], mut out) = (content, [0; 32]);
        digest(hash, [&self.id[..], &number.to_be_bytes(), domain, first, second], None, &mut out).map(|()| out)
    }
}

/// The digest of the parts and of the message behind them. Apart from its callers: a running hash takes much of a small stack.
#[inline(never)]
fn digest(hash: &dyn Hash, parts: [&[u8]; 5], message: Option<&mut dyn Message>, out: &mut [u8]) -> Result<()> {
    let mut running = hash.start()?;
    parts.iter().try_for_each(|part| hash.update(&mut running, part))?;
    message.map_or(Ok(()), |message| message.read(&mut |part| hash.update(&mut running, part)))?;
    hash.finish(running, out)
}

/// What is hashed at each step of a chain, in one piece: `I || u32(q) || u16(i) || u8(j) || value`.
struct Block {
    head: [u8; 23],
    value: [u8; 32],
}

impl Block {
    fn new(id: &[u8; 16], leaf: u32) -> Self {
        let mut head = [0; 23];
        let content = id.iter().copied().chain(leaf.to_be_bytes());
        head.iter_mut().zip(content).for_each(|(to, from)| *to = from);
        Self { head, value: [0; 32] }
    }

    /// Begins a chain with its value in the signature.
    fn chain(&mut self, number: u16, n: usize, from: &mut Cursor<'_>) -> Result<&mut Self> {
        let [.., high, low, _] = &mut self.head;
        [*high, *low] = number.to_be_bytes();
        from.digest(&mut self.value, n)?;
        Ok(self)
    }

    fn step(&mut self, hash: &dyn Hash, step: u8, n: usize) -> Result<()> {
        let [.., last] = &mut self.head;
        *last = step;
        let mut next = [0; 32];
        let value = self.value.get(..n).ok_or(Reason::Internal)?;
        digest(hash, [&self.head, value, &[], &[], &[]], None, &mut next)?;
        self.value = next;
        Ok(())
    }
}

/// The parameters behind a pair of type codes.
#[derive(Clone, Copy)]
struct Set {
    /// Bytes of a digest.
    n: usize,
    /// Bits of a Winternitz digit.
    w: u32,
    /// Chains of a one-time signature.
    p: u16,
    /// By how much the checksum is shifted to the left.
    shift: u32,
    /// Height of the tree.
    h: u32,
}

impl Set {
    /// Type codes of RFC 8554 sections 4.1 and 5.1, and RFC 9858 section 3.
    fn of([lms, ots]: [u32; 2]) -> Result<Self> {
        let (bytes, h) = match lms {
            5..=9 => (32, lms.saturating_sub(4)),
            10..=14 => (24, lms.saturating_sub(9)),
            15..=24 => return Err(Reason::AlgorithmUnsupported),
            _ => return Err(Reason::KeyInvalid),
        };
        let (n, w, p, shift) = match ots {
            1 => (32, 1, 265, 7),
            2 => (32, 2, 133, 6),
            3 => (32, 4, 67, 4),
            4 => (32, 8, 34, 0),
            5 => (24, 1, 200, 8),
            6 => (24, 2, 101, 6),
            7 => (24, 4, 51, 4),
            8 => (24, 8, 26, 0),
            9..=16 => return Err(Reason::AlgorithmUnsupported),
            _ => return Err(Reason::KeyInvalid),
        };
        if bytes == n { Ok(Self { n, w, p, shift, h: h.saturating_mul(5) }) } else { Err(Reason::KeyInvalid) }
    }

    /// Bytes of a signature: `q || type || C || y[p] || type || path[h]`.
    fn signature(self) -> usize {
        let path = usize::try_from(self.h).unwrap_or_default();
        let digests = usize::from(self.p).saturating_add(path).saturating_add(1);
        digests.saturating_mul(self.n).saturating_add(12)
    }
}

/// A place in a signature.
struct Cursor<'s> {
    source: &'s mut dyn Source,
    offset: usize,
}

impl Cursor<'_> {
    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        let end = self.offset.checked_add(out.len()).filter(|end| *end <= self.source.size());
        let end = end.ok_or(Reason::SignatureInvalid)?;
        self.source.read(self.offset, out)?;
        self.offset = end;
        Ok(())
    }

    fn number(&mut self) -> Result<u32> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    }

    fn digest<'o>(&mut self, out: &'o mut [u8; 32], n: usize) -> Result<&'o [u8]> {
        let out = out.get_mut(..n).ok_or(Reason::Internal)?;
        self.fill(out).map(|()| &*out)
    }
}

/// The digits of `w` bits, from the front.
fn digits(bytes: &[u8], w: u32) -> impl Iterator<Item = u8> {
    let mask = u8::MAX.wrapping_shr(8_u32.wrapping_sub(w));
    bytes.iter().flat_map(move |byte| {
        (0..8_u32.checked_div(w).unwrap_or(0))
            .map(move |index| byte.rotate_left(index.wrapping_add(1).wrapping_mul(w)) & mask)
    })
}

/// A wrong key of a lower level stands inside the signature.
const fn lower(reason: Reason) -> Reason {
    match reason {
        Reason::KeyInvalid => Reason::SignatureInvalid,
        _ => reason,
    }
}

/// RFC 8554 section 6: levels of a hypertree.
const LEVELS: u32 = 8;
/// Bytes of the longest LMS public key.
const PUBLIC: usize = 56;

const D_PBLC: [u8; 2] = [0x80, 0x80];
const D_MESG: [u8; 2] = [0x81, 0x81];
const D_LEAF: [u8; 2] = [0x82, 0x82];
const D_INTR: [u8; 2] = [0x83, 0x83];
