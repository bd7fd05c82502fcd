//! Identities: what a registrar answers, and what is stored.

use super::x509;
use crate::bench::Bench;
use aseptic_certs::{Engine, base64, cms};
use aseptic_core::crypto::{PublicKey, soft};
use aseptic_core::platform::{Geometry, KeyId, Keys};
use aseptic_core::record::{self, Kind};
use aseptic_core::time::Time;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, Trust, danger};
use aseptic_core::{Result, limits};
use aseptic_identity::{
    Action, DeviceName, Enroller, Event, Identity, Response, Stage, Terms, Workspace, birth, confirm_handshake, est,
    tidy,
};
use std::sync::LazyLock;

const SERIAL: &str = "PUMP-0001";
const NOW: Time = Time::trusted(1_800_000_000);
const SLOT: Geometry = Geometry { size: 64, erase_size: 64, write_size: 8 };
const BUNDLE: &str = "application/pkcs7-mime; smime-type=certs-only";

/// Devices at each step, and the certificate that the registrar of the seeds issues.
struct Cast {
    born: Bench,
    /// Has made the key for its owner, and asks for wishes.
    keyed: Bench,
    /// Waits for the answer of its registrar.
    pending: Bench,
    /// Has the certificate, on probation.
    enrolled: Bench,
    local: Vec<u8>,
}

thread_local! {
    static CAST: Cast = cast();
}

/// Two answers of a registrar, for the CA certificates and for the enrolment. The first byte says how they travel: 1 for
/// bodies that are to be put into base64 first, 2 and 4 for an answer that is put off or in another media type, 8 for a second
/// body that says what the registrar wants in a request, 16 for redirects. The next two are the length of the first body.
pub fn est_answer(data: &[u8]) {
    let Some(([way, high, low], bodies)) = data.split_first_chunk::<3>() else { return };
    let Some((first, second)) = bodies.split_at_checked(usize::from(u16::from_be_bytes([*high, *low]))) else { return };
    let wishes = way & 8 != 0;
    let bench = CAST.with(|cast| if wishes { cast.keyed.clone() } else { cast.pending.clone() });
    let local = CAST.with(|cast| cast.local.clone());
    let before = bench.snapshot();
    match enrol(&bench, *way, [first, second]) {
        Ok(true) => identity(&bench, |identity| {
            let credential = identity.credential().expect("the new identity");
            assert_eq!(credential.chain().first(), Some(&local.as_slice()), "issued by the one anchor");
        })
        .expect("our own records"),
        Ok(false) | Err(_) if wishes => {
            let stage = identity(&bench, |identity| identity.successor_stage()).expect("our own records");
            assert!(matches!(stage, Stage::Keyed | Stage::Pending), "the most that wishes lead to is a request");
        }
        Ok(false) | Err(_) => assert_eq!(bench.snapshot(), before, "a refused answer changes nothing"),
    }
}

/// Both records of the identity, with right checks around any payloads. The first two bytes are the length of the first.
pub fn identity_records(data: &[u8]) {
    let Some((length, payloads)) = data.split_first_chunk::<2>() else { return };
    let Some((birth, local)) = payloads.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { return };
    let bench = CAST.with(|cast| cast.enrolled.clone());
    bench.edit(|medium| medium.slots.clear());
    for (kind, payload) in [(Kind::BirthIdentity, birth), (Kind::LocalIdentity, local)] {
        if !payload.is_empty() && record::save(&bench, kind, payload, &mut vec![0; limits::SLOT]).is_err() {
            return;
        }
    }
    let before = view(&bench);
    let mut workspace = Box::new(Workspace::new());
    if tidy(&bench.platform(), &mut workspace).is_ok() {
        assert_eq!(view(&bench), before, "what no record names is no part of the identity");
    } else {
        assert_eq!(
            keys(&bench),
            CAST.with(|cast| keys(&cast.enrolled)),
            "no key is lost for a record that cannot be read"
        );
    }
    for key in 0..4 {
        let _ = confirm_handshake(&bench.platform(), KeyId(key), &mut workspace);
    }
    let (suite, trust) = (soft::suite(), owner());
    let _ = Enroller::start(&bench.platform(), &suite, &trust, &Engine, &mut workspace).map(drop);
    let mut out = vec![0; limits::CSR];
    let _ = birth::request(&bench.platform(), &suite, &name(), &mut workspace, &mut out);
}

/// What can be seen of an identity.
fn view(bench: &Bench) -> Result<(Stage, Stage, Stage, Option<KeyId>)> {
    identity(bench, |identity| {
        let _ = (identity.name(), identity.hardware(), identity.udi(), identity.birth(), identity.fallback());
        let credential = identity.credential().ok().map(|credential| credential.key_id());
        (identity.birth_stage(), identity.local_stage(), identity.successor_stage(), credential)
    })
}

fn identity<T>(bench: &Bench, look: impl FnOnce(&Identity<'_>) -> T) -> Result<T> {
    let mut buffer = vec![0; 2 * limits::SLOT];
    Identity::load(&bench.platform(), &mut buffer).map(|identity| look(&identity))
}

fn keys(bench: &Bench) -> Vec<KeyId> {
    bench.snapshot().keys.into_keys().collect()
}

/// One enrolment with these answers; whether it came to its end.
fn enrol(bench: &Bench, way: u8, bodies: [&[u8]; 2]) -> Result<bool> {
    let (platform, suite, trust) = (bench.platform(), soft::suite(), owner());
    let mut workspace = Box::new(Workspace::new());
    let terms = Terms { attributes: way & 8 != 0, ..Terms::ENROL };
    let mut enroller = Enroller::start_with(&platform, &suite, &trust, &Engine, &mut workspace, terms)?;
    enroller.step(Event::Ready, NOW)?;
    for (at, body) in bodies.into_iter().enumerate() {
        let mut body = if way & 1 == 0 { body.to_vec() } else { text(body) };
        let retry_after = String::from_utf8_lossy(&body).into_owned();
        let response = Response {
            status: match way & 0x12 {
                0 => 200,
                2 => 202,
                _ => 307,
            },
            content_type: match (way & 4, at) {
                (0, 1) if way & 8 != 0 => est::ATTRIBUTES,
                (0, _) => BUNDLE,
                _ => "application/pkcs7-mime; smime-type=\"",
            },
            retry_after: &retry_after,
            location: &retry_after,
            body: &mut body,
        };
        match enroller.step(Event::Response(response), NOW)? {
            Action::Done => return Ok(true),
            Action::Wait(seconds) => assert!((1..=limits::EST_WAIT).contains(&seconds)),
            _ => {}
        }
    }
    Ok(false)
}

fn owner() -> Trust<'static> {
    static ROOT: LazyLock<[Entry<'static>; 1]> = LazyLock::new(|| root(&[Purpose::Enrolment, Purpose::Telemetry]));
    danger::unsigned(Authority::Owner, &*ROOT).expect("one entry")
}

fn root(purposes: &[Purpose]) -> [Entry<'static>; 1] {
    let material = Material::certificate(x509::anchor());
    [Entry { purposes: Purposes::of(purposes), name: b"root", material }]
}

fn name() -> DeviceName<'static> {
    DeviceName { serial: SERIAL, hardware_type: x509::HARDWARE_TYPE, hardware_serial: SERIAL.as_bytes(), udi: None }
}

fn cast() -> Cast {
    let (blank, suite) = (Bench::new(1).with_flash([SLOT; 2], 0xFF), soft::suite());
    let mut workspace = Box::new(Workspace::new());
    let born = blank.clone();
    let platform = born.platform();
    birth::request(&platform, &suite, &name(), &mut workspace, &mut [0; limits::CSR]).expect("a blank device");
    let leaf = certificate(&born, KeyId(1));
    let root = root(&[Purpose::Birth]);
    let maker = danger::unsigned(Authority::Manufacturer, &root).expect("one entry");
    birth::install(&platform, &suite, &maker, &Engine, &[&leaf], NOW, &mut workspace).expect("a birth certificate");
    let pending = born.clone();
    Enroller::start(&pending.platform(), &suite, &owner(), &Engine, &mut workspace)
        .map(drop)
        .expect("a device that is born");
    let keyed = pending.clone();
    // The CA certificates are answered, which makes the request, and then nothing.
    assert!(enrol(&pending, 1, [&bundle(&[x509::anchor()]), &[]]).is_err());
    let local = certificate(&pending, KeyId(2));
    let enrolled = pending.clone();
    assert_eq!(enrol(&enrolled, 1, [&bundle(&[x509::anchor()]), &bundle(&[&local])]), Ok(true));
    Cast { born, keyed, pending, enrolled, local }
}

/// The certificate for a key of the device.
fn certificate(bench: &Bench, key: KeyId) -> Vec<u8> {
    let mut bytes = [0; limits::PUBLIC_KEY];
    let (policy, length) = Keys::public(bench, key, &mut bytes).expect("a key");
    x509::certificate_for(PublicKey::new(policy.alg, &bytes[..length]).expect("a public key"), false)
}

fn bundle(certificates: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0; 4096];
    let length = cms::write(certificates, &mut out).expect("room enough");
    out.truncate(length);
    out
}

fn text(body: &[u8]) -> Vec<u8> {
    let mut text = vec![0; base64::encoded_len(body.len())];
    base64::encode(body, &mut text).expect("room enough");
    text
}

pub(super) fn est_seeds() -> Vec<Vec<u8>> {
    let authorities = bundle(&[x509::anchor()]);
    let issued = CAST.with(|cast| bundle(&[&cast.local]));
    let seed = |way: u8, bodies: [&[u8]; 2]| {
        let length = u16::try_from(bodies[0].len()).expect("a short answer");
        [&[way], &length.to_be_bytes()[..], bodies[0], bodies[1]].concat()
    };
    vec![
        seed(1, [&authorities, &issued]),
        seed(0, [&text(&authorities), &text(&issued)]),
        seed(2, [b"30", b"99999999999"]),
    ]
}

pub(super) fn record_seeds() -> Vec<Vec<u8>> {
    CAST.with(|cast| {
        [&cast.born, &cast.pending, &cast.enrolled]
            .map(|bench| {
                let payload = |kind| {
                    let mut buffer = vec![0; limits::SLOT];
                    record::load(bench, kind, &mut buffer).expect("a record").map(<[u8]>::to_vec).unwrap_or_default()
                };
                let [birth, local] = [Kind::BirthIdentity, Kind::LocalIdentity].map(payload);
                let length = u16::try_from(birth.len()).expect("a short record");
                [&length.to_be_bytes(), &birth[..], &local].concat()
            })
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aseptic_core::Reason;

    #[test]
    fn the_seeds_enrol_and_load() {
        let seeds = est_seeds();
        for seed in &seeds[..2] {
            let (first, second) = seed[3..].split_at(u16::from_be_bytes([seed[1], seed[2]]).into());
            let bench = CAST.with(|cast| cast.pending.clone());
            assert_eq!(enrol(&bench, seed[0], [first, second]), Ok(true));
        }
        CAST.with(|cast| {
            assert_eq!(view(&cast.enrolled).map(|view| view.2), Ok(Stage::Probation));
            assert_eq!(view(&cast.pending).map(|view| view.2), Ok(Stage::Pending));
        });
        assert_eq!(identity(&Bench::new(9), |identity| identity.name().err()), Ok(Some(Reason::NotProvisioned)));
    }
}
