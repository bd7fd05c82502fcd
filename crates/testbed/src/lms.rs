//! A maker of HSS/LMS signatures for tests: one level, height 5, w = 8 (RFC 8554, RFC 9858).
//!
//! Never for anything else: the key comes from a number, and nothing keeps a one-time key from being used twice.

use aseptic_core::cbor::Writer;
use aseptic_core::crypto::{KeyAlg, PublicKey, soft};

const HEIGHT: u32 = 5;

/// A key pair with all of its tree.
#[derive(Clone, Debug)]
pub struct Hss {
    n: usize,
    seed: u8,
    /// Nodes by their number; the root is 1.
    tree: Vec<Vec<u8>>,
    public: Vec<u8>,
}

impl Hss {
    /// The key of this seed; takes some 200,000 hashes.
    #[must_use]
    pub fn new(alg: KeyAlg, seed: u8) -> Self {
        let n = if alg == KeyAlg::HssLms192 { 24 } else { 32 };
        let mut key = Self { n, seed, tree: vec![Vec::new(); 64], public: Vec::new() };
        for leaf in 0..32_u32 {
            let number = leaf | 1 << HEIGHT;
            let mut ends = Vec::new();
            for chain in 0..key.chains() {
                ends.extend(key.walk(leaf, chain, 255));
            }
            let content = key.hash(&[&leaf.to_be_bytes(), &[0x80, 0x80], &ends]);
            key.tree[number as usize] = key.hash(&[&number.to_be_bytes(), &[0x82, 0x82], &content]);
        }
        for number in (1..32_u32).rev() {
            let pair = [2 * number, 2 * number + 1].map(|child| key.tree[child as usize].clone());
            key.tree[number as usize] = key.hash(&[&number.to_be_bytes(), &[0x83, 0x83], &pair[0], &pair[1]]);
        }
        let [lms, ots] = key.types();
        let numbers = [1, lms, ots].map(u32::to_be_bytes).concat();
        key.public = [&numbers[..], &key.id(), &key.tree[1]].concat();
        key
    }

    /// The public key.
    ///
    /// # Panics
    /// Never: it has the length of its algorithm.
    #[must_use]
    pub fn public(&self) -> PublicKey<'_> {
        let alg = if self.n == 24 { KeyAlg::HssLms192 } else { KeyAlg::HssLms256 };
        PublicKey::new(alg, &self.public).expect("a key of this length")
    }

    /// The signature of `message` by one-time key `leaf`, below 32.
    #[must_use]
    pub fn sign(&self, leaf: u32, message: &[u8]) -> Vec<u8> {
        let [lms, ots] = self.types().map(u32::to_be_bytes);
        let randomizer = vec![0xC0; self.n];
        let digest = self.hash(&[&leaf.to_be_bytes(), &[0x81, 0x81], &randomizer, message]);
        let sum: u16 = digest.iter().map(|digit| 255 - u16::from(*digit)).sum();
        let mut out = [&[0; 4][..], &leaf.to_be_bytes(), &ots, &randomizer].concat();
        for (chain, digit) in (0..).zip(digest.iter().copied().chain(sum.to_be_bytes())) {
            out.extend(self.walk(leaf, chain, digit));
        }
        out.extend(lms);
        let mut number = leaf | 1 << HEIGHT;
        while number > 1 {
            out.extend(&self.tree[(number ^ 1) as usize]);
            number >>= 1;
        }
        out
    }

    /// A COSE_Sign1 over a detached payload (RFC 8778).
    ///
    /// # Panics
    /// Never, as the room is enough.
    #[must_use]
    pub fn block(&self, leaf: u32, payload: &[u8], aad: &[u8]) -> Vec<u8> {
        let kid = self.public().thumbprint(&soft::suite()).expect("SHA-256");
        let protected = written(|writer| {
            writer.map(2).int(1).int(-46).int(4).bytes(&kid);
        });
        let signed = written(|writer| {
            writer.array(4).text("Signature1").bytes(&protected).bytes(aad).bytes(payload);
        });
        let signature = self.sign(leaf, &signed);
        written(|writer| {
            writer.tag(18).array(4).bytes(&protected).map(0).null().bytes(&signature);
        })
    }

    const fn types(&self) -> [u32; 2] {
        if self.n == 24 { [10, 8] } else { [5, 4] }
    }

    const fn chains(&self) -> u16 {
        if self.n == 24 { 26 } else { 34 }
    }

    const fn id(&self) -> [u8; 16] {
        [self.seed; 16]
    }

    /// So many steps from the start of a chain, which comes from the seed (RFC 8554 appendix A).
    fn walk(&self, leaf: u32, chain: u16, steps: u8) -> Vec<u8> {
        let secret = vec![self.seed ^ 0x55; self.n];
        let start = self.hash(&[&leaf.to_be_bytes(), &chain.to_be_bytes(), &[0xFF], &secret]);
        (0..steps).fold(start, |value, step| self.hash(&[&leaf.to_be_bytes(), &chain.to_be_bytes(), &[step], &value]))
    }

    fn hash(&self, parts: &[&[u8]]) -> Vec<u8> {
        let whole = [&self.id()[..], &parts.concat()].concat();
        soft::suite().sha256(&[&whole]).expect("SHA-256")[..self.n].to_vec()
    }
}

fn written(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut query = Writer::new(&mut []);
    write(&mut query);
    let mut out = vec![0; query.needed()];
    let mut writer = Writer::new(&mut out);
    write(&mut writer);
    writer.finish().expect("room as asked").to_vec()
}
