//! A key with its certificates, and what it may be used for.

use crate::stored::Held;
use aseptic_core::cose::KeySigner;
use aseptic_core::crypto::KeyAlg;
use aseptic_core::platform::{KeyId, Keys};
use aseptic_core::{Reason, Result};

/// Who gave an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Origin {
    /// The manufacturer (IDevID of IEEE 802.1AR). It may enrol with an owner and nothing else.
    Birth = 1,
    /// The owner (LDevID). It may do what the owner's certificate says.
    Local = 2,
}

/// How far an identity has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stage {
    /// Nothing is there.
    Blank = 0,
    /// A key is there and recorded.
    Keyed = 1,
    /// The request of a birth identity is made and stored; its certificate is awaited.
    Requested = 2,
    /// The request of a local identity is made and stored; the registrar's answer is awaited.
    Pending = 3,
    /// The owner's certificate is stored, and has not yet been part of a mutually authenticated handshake.
    Probation = 4,
    /// In use.
    Active = 5,
}

/// A certified key of this device, checked to be in its key store when it was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credential<'b> {
    origin: Origin,
    stage: Stage,
    held: Held<'b>,
}

impl<'b> Credential<'b> {
    pub(crate) const fn new(origin: Origin, stage: Stage, held: Held<'b>) -> Self {
        Self { origin, stage, held }
    }

    /// Who gave it.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// [`Stage::Probation`] or [`Stage::Active`].
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The private key in the key store.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.held.key
    }

    /// What the key is.
    #[must_use]
    pub const fn key_alg(&self) -> KeyAlg {
        self.held.alg
    }

    /// SHA-256 of the SubjectPublicKeyInfo: the kid of messages signed with the key.
    #[must_use]
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.held.thumbprint
    }

    /// The certificates (DER), leaf first, without the anchor.
    #[must_use]
    pub fn chain(&self) -> &[&'b [u8]] {
        self.held.chain.as_slice()
    }

    /// The key as a signer, for proving possession in a handshake.
    pub fn signer<'k>(&self, keys: &'k dyn Keys) -> Result<KeySigner<'k>> {
        Ok(KeySigner::new(keys, self.held.key, self.held.alg.signs().ok_or(Reason::KeyWrongUse)?))
    }

    /// The same credential for messages and for connections other than to the registrar. [`Reason::KeyWrongUse`] for a
    /// birth identity: it may enrol and nothing else.
    pub const fn for_messages(self) -> Result<LocalCredential<'b>> {
        match self.origin {
            Origin::Birth => Err(Reason::KeyWrongUse),
            Origin::Local => Ok(LocalCredential(self)),
        }
    }
}

/// A credential that the owner gave; only such a one signs messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalCredential<'b>(Credential<'b>);

impl<'b> core::ops::Deref for LocalCredential<'b> {
    type Target = Credential<'b>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
