//! A small world for tests: authorities, certificates, keys in memory, two ends of a connection.

use crate::channel::{Channel, Local, Remote, accept, connect};
use crate::os::OsEntropy;
use crate::{Result, crypto};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::crypto::soft::PrivateKey;
use aseptic_core::platform::{Fault, KeyId, KeyPolicy, KeyUse, Keys, Outcome, Progress, SignInput};
use aseptic_core::secret::Secret;
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, danger};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PublicKeyData, SerialNumber, SignatureAlgorithm,
};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use time::OffsetDateTime;

/// When all tests happen: 2026-11-23.
pub(crate) const NOW: u64 = 1_795_392_000;
pub(crate) const SERVER: &str = "relay.hospital.example";
pub(crate) const KEY: KeyId = KeyId(1);

/// A certification authority.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

/// What a leaf certificate says.
pub(crate) struct Leaf<'a> {
    pub(crate) name: &'a str,
    pub(crate) dns: Option<&'a str>,
    pub(crate) usage: Option<ExtendedKeyUsagePurpose>,
    pub(crate) until: u64,
}

impl Leaf<'_> {
    pub(crate) const SERVER: Self = Leaf {
        name: "relay-1",
        dns: Some(SERVER),
        usage: Some(ExtendedKeyUsagePurpose::ServerAuth),
        until: NOW + 86_400,
    };
    pub(crate) const DEVICE: Self =
        Leaf { name: "PUMP-0001", dns: None, usage: Some(ExtendedKeyUsagePurpose::ClientAuth), until: NOW + 86_400 };
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = parameters(name, NOW + 1_000_000);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.0.as_ref().der()
    }

    pub(crate) fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    pub(crate) fn issue(&self, leaf: &Leaf<'_>, key: &impl PublicKeyData) -> rcgen::Certificate {
        // The commonName of a server is a name that subjectAltName has.
        let mut params = parameters(leaf.dns.unwrap_or(leaf.name), leaf.until);
        if leaf.dns.is_none() {
            params.distinguished_name.push(DnType::from_oid(&[2, 5, 4, 5]), leaf.name);
        }
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = leaf.usage.iter().cloned().collect();
        params.subject_alt_names =
            leaf.dns.iter().map(|name| rcgen::SanType::DnsName((*name).try_into().unwrap())).collect();
        params.signed_by(key, &self.0).unwrap()
    }

    /// A certificate over whatever the caller says.
    pub(crate) fn sign(&self, params: &CertificateParams, alg: KeyAlg, public: &[u8]) -> Vec<u8> {
        params.signed_by(&Public(alg, public.to_vec()), &self.0).unwrap().der().to_vec()
    }

    /// A key in memory with a certificate of this authority.
    pub(crate) fn party(&self, alg: KeyAlg, leaf: &Leaf<'_>) -> Party {
        let key = PrivateKey::generate(alg, &OsEntropy).unwrap();
        let mut public = [0; 65];
        let length = key.public(&mut public).unwrap();
        let chain = vec![self.issue(leaf, &Public(alg, public[..length].to_vec())).der().to_vec()];
        Party { keys: OneKey { key, usage: KeyUse::Sign, pending: 0.into() }, chain }
    }
}

pub(crate) fn parameters(name: &str, until: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from_slice(&[7, 1, 1]));
    params.not_before = OffsetDateTime::from_unix_timestamp((NOW - 100_000_000) as i64).unwrap();
    params.not_after = OffsetDateTime::from_unix_timestamp(until as i64).unwrap();
    params
}

struct Public(KeyAlg, Vec<u8>);

impl PublicKeyData for Public {
    fn der_bytes(&self) -> &[u8] {
        &self.1
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        match self.0 {
            KeyAlg::Ed25519 => &rcgen::PKCS_ED25519,
            _ => &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }
}

/// A key store of one key in memory, which may take its time.
pub(crate) struct OneKey {
    pub(crate) key: PrivateKey,
    pub(crate) usage: KeyUse,
    /// How often it answers that it is not done yet. Not shareable between threads, as on a device.
    pub(crate) pending: std::cell::Cell<u32>,
}

impl Keys for OneKey {
    fn generate(&self, _: KeyId, _: KeyPolicy) -> Outcome<()> {
        Err(Fault::Unavailable)
    }

    fn public(&self, id: KeyId, out: &mut [u8]) -> Outcome<(KeyPolicy, usize)> {
        let length = if id == KEY { self.key.public(out).unwrap() } else { return Err(Fault::NotFound) };
        Ok((KeyPolicy { alg: self.key.alg(), usage: self.usage }, length))
    }

    fn sign(&self, id: KeyId, input: SignInput<'_>, out: &mut [u8]) -> Outcome<Progress<usize>> {
        match input {
            _ if id != KEY => Err(Fault::NotFound),
            _ if self.pending.get() > 0 => {
                self.pending.set(self.pending.get() - 1);
                Ok(Progress::Pending)
            }
            SignInput::Message(message) => self.key.sign(message, out).map(Progress::Done).map_err(|_| Fault::Denied),
            SignInput::Digest(_) => Err(Fault::Denied),
        }
    }

    fn agree(&self, _: KeyId, _: &[u8], _: &mut Secret<32>) -> Outcome<()> {
        Err(Fault::Denied)
    }

    fn next(&self, _: KeyId) -> Outcome<Option<KeyId>> {
        Ok(None)
    }

    fn destroy(&self, _: KeyId) -> Outcome<()> {
        Err(Fault::Denied)
    }
}

/// Somebody with a key and certificates.
pub(crate) struct Party {
    pub(crate) keys: OneKey,
    pub(crate) chain: Vec<Vec<u8>>,
}

/// How a party judges the other.
#[derive(Clone, Copy)]
pub(crate) struct Belief<'a> {
    pub(crate) authority: Authority,
    pub(crate) anchor: &'a [u8],
    pub(crate) grants: &'a [Purpose],
}

impl Party {
    /// Calls `act` with what the party is and believes.
    pub(crate) fn with<T>(&self, belief: Belief<'_>, act: impl FnOnce(&Local<'_>, &Remote<'_>) -> T) -> T {
        let entry = Entry {
            purposes: Purposes::of(belief.grants),
            name: b"anchor",
            material: Material::certificate(belief.anchor),
        };
        let entries = [entry];
        let trust = danger::unsigned(belief.authority, &entries).unwrap();
        let chain: Vec<&[u8]> = self.chain.iter().map(Vec::as_slice).collect();
        let suite = crypto::suite();
        let local = Local { keys: &self.keys, key: KEY, chain: &chain };
        let remote = Remote {
            suite: &suite,
            trust: &trust,
            engine: &aseptic_certs::Engine,
            purposes: belief.grants,
            now: Time::trusted(NOW),
        };
        act(&local, &remote)
    }
}

/// Both ends of a handshake over TCP on loopback.
pub(crate) fn meet(
    client: (Party, Belief<'_>, &str, &[&[u8]]),
    server: (Party, Belief<'_>, &[&[u8]]),
) -> (Result<Channel<TcpStream>>, Result<Channel<TcpStream>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::scope(|scope| {
        let accepting = scope.spawn(move || {
            let (party, belief, protocols) = server;
            let stream = listener.accept().unwrap().0;
            crate::channel::limited(&stream, LIMIT).unwrap();
            party.with(belief, |local, remote| accept(stream, protocols, local, remote))
        });
        let (party, belief, name, protocols) = client;
        let stream = crate::channel::dial(address, LIMIT).unwrap();
        let connected = party.with(belief, |local, remote| connect(stream, name, protocols, local, remote));
        (connected, accepting.join().unwrap())
    })
}

pub(crate) const LIMIT: Duration = Duration::from_secs(10);
