//! The C functions: programs of calls, among them a whole life of trust and update.

use crate::trust::{KeyPair, signed};
use aseptic_core::cbor::Writer;
use aseptic_core::cose::{Headers, sign1};
use aseptic_core::crypto::{HashAlg, KeyAlg, soft};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, StoreContent};
use aseptic_ffi::fuzzing::{CLASS, VENDOR, calls, step};
use aseptic_update::Digest;

/// Calls in any order with any arguments: the checks are made where the calls are.
pub fn c_calls(data: &[u8]) {
    let _ = calls(data);
}

pub(super) fn c_calls_seeds() -> Vec<Vec<u8>> {
    let author = KeyPair::new(KeyAlg::P256, 6);
    let image = [0x5A; 200];
    let [first, second] = [1, 2].map(|version| store(&author, version));
    let envelope = envelope(&author, &image);
    let start = [step(step::SET_USE, &[0]), step(step::BOOT, &[])].concat();
    let trust = [&start[..], &step(step::TRUST_INSTALL, &[&[1][..], &blob(&first)].concat())].concat();
    let renew = step(step::TRUST_UPDATE, &[&[1][..], &blob(&second)].concat());
    let steps = [step::STEP; 32];
    let begin = [&step(step::BEGIN, &blob(&envelope)), &steps[..3], &step(step::OFFSET, &[])].concat();
    let finish = [&step(step::FINISH, &[])[..], &steps].concat();
    let half = |part: &[u8]| step(step::FEED, &blob(part));
    let whole = [
        &trust[..],
        &begin,
        &half(&image[..100]),
        &step(step::RESTART, &[]),
        &step(step::SET_USE, &[0]),
        &begin,
        &half(&image),
        &finish,
        &step(step::ACTIVATE, &[]),
        &step(step::BOOT, &[]),
        &step(step::CONFIRM, &[0]),
        &step(step::ABANDON, &[]),
    ]
    .concat();
    let message = [&[6, 0][..], &blob(b"record-adapter-1"), &blob(b"MSH|"), &[0x40, 0x00]].concat();
    let seal = [
        step(step::SENDER_INIT, &[]),
        step(step::IDENTITY_LOAD, &[]),
        step(step::IDENTITY_NAME, &[64]),
        step(step::SEAL, &message),
    ]
    .concat();
    let seal_nothing = [step(step::RESTART, &[]), seal.clone(), step(step::CONFIRM, &[0])].concat();
    let name = [blob(b"PUMP-1"), blob(b"(01)09521234543213(21)1"), vec![4, 0]].concat();
    let seldom = [
        step(step::TIDY, &[]),
        step(step::UDI, &[&blob(b"(01)09521234543213(21)1")[..], &[64]].concat()),
        step(step::BIRTH_REQUEST, &name),
        step(step::BIRTH_REQUEST, &name),
        step(step::STAGE, &[1]),
        step(step::BIRTH_INSTALL, &[&[1][..], &blob(&first)].concat()),
        step(step::LOAD, &[1]),
        step(step::AGREEMENT, &[65]),
        step(step::AGREEMENT_RENEW, &[]),
        step(step::TIDY, &[]),
        step(step::OPENER_INIT, &[0x06, 0xC0]),
        step(step::OPEN, &[&[0][..], &blob(&second), &[0x04, 0x00]].concat()),
        step(step::FORGET, &blob(b"adapter")),
        step(step::COMMIT, &[]),
        step(step::TIME_NOW, &[]),
        step(step::TRUST_VERSION, &[1]),
        step(step::PEER_VERIFY, &[&[4][..], &blob(b"host"), &[1], &blob(&first)].concat()),
        step(step::PEER_NAME, &[64]),
        step(step::SIGN, &[&blob(&[1; 32])[..], &[72]].concat()),
        step(step::CERTIFICATE, &[0, 4, 0]),
        step(step::IDENTITY_CONFIRM, &[]),
        step(step::ENROL_BEGIN, &[]),
        step(step::ENROL_STEP, &[0]),
        step(step::PROVISION, &[&blob(&[2; 32])[..], &[0, 0]].concat()),
    ]
    .concat();
    // A list in steps, its number, and what it says about a chain.
    let [list, chain] = [&super::x509::revocation_list_seeds()[1], &super::x509::certificate_seeds()[0]];
    let asked = [&[4][..], &blob(b"host"), &[1], &blob(chain), &[1]].concat();
    let listed = [
        step(step::LIST_BEGIN, &[&blob(list)[..], &[1], &blob(chain)].concat()),
        step(step::PEER_LISTED, &asked),
        step(step::LIST_STEP, &[]),
        step(step::LIST_STEP, &[]),
        step(step::LIST_STEP, &[]),
        step(step::LIST_ACCEPT, &blob(chain)),
        step(step::PEER_LISTED, &asked),
        step(step::PEER_FINDING, &[&asked[..], &[0]].concat()),
        step(step::PEER_FINDING, &[&asked[..], &[9]].concat()),
        step(step::INVENTORY, &[]),
        step(step::IMPORT, &[&blob(chain)[..], &[0, 8, 0]].concat()),
    ]
    .concat();
    // What others say, on a device that nobody has enrolled.
    let (relay, sealed) = (blob(b"relay-1"), blob(&super::messaging::message_seeds()[0]));
    let listening = [
        step(step::AGREEMENT, &[65]),
        step(step::OPENER_INIT, &[0x06, 0xC0]),
        step(step::SESSIONS_INIT, &[]),
        step(step::SESSIONS_ACCEPT, &sealed),
        step(step::SESSIONS_OPEN, &[&[0][..], &sealed, &[4, 0]].concat()),
        step(step::SESSIONS_COMMIT, &[]),
        step(step::SESSIONS_END, &relay),
        step(step::REPORT_VERIFY, &[&relay[..], &sealed].concat()),
        step(step::OPENER_REPORT, &[&relay[..], &[1, 5, 0]].concat()),
        step(step::LINK_INIT, &relay),
        step(step::LINK_BEAT, &[8]),
        step(step::LINK_ANSWERED, &[]),
        step(step::CARRIED, &[&relay[..], &sealed].concat()),
        step(step::COUNTERSIGN, &[&sealed[..], &[4, 0]].concat()),
    ]
    .concat();
    let poke = step(step::POKE, &[&[4][..], &blob(&first)].concat());
    vec![
        whole,
        [trust.clone(), renew.clone(), renew].concat(),
        [
            trust,
            begin.clone(),
            half(&[0; 200]),
            step(step::FINISH, &[]),
            step(step::STEP, &[]),
            step(step::ACTIVATE, &[]),
        ]
        .concat(),
        [seal.clone(), step(step::RESTART, &[]), seal.clone()].concat(),
        [poke, begin, seal].concat(),
        seldom,
        listening,
        listed.clone(),
        [1, 2].map(|lie| [step(step::LIE, &[lie]), listed.clone()].concat()).concat(),
        [1, 2, 4].map(|lie| [step(step::LIE, &[lie]), start.clone(), seal_nothing.clone()].concat()).concat(),
    ]
}

fn step(number: u8, arguments: &[u8]) -> Vec<u8> {
    [&[number][..], arguments].concat()
}

fn blob(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a short blob");
    [&length.to_be_bytes()[..], bytes].concat()
}

fn store(author: &KeyPair, version: u64) -> Vec<u8> {
    let content = StoreContent {
        authority: Authority::Manufacturer,
        version,
        issued: 1_700_000_000,
        threshold: 1,
        signers: &[author.public()],
        entries: &[Entry {
            purposes: Purposes::of(&[Purpose::UpdateInstall]),
            name: b"author",
            material: Material::Key(author.public()),
        }],
        denied: &[],
        overrides: &[],
        quorums: &[],
        retirements: &[],
        minimums: &[],
        epoch: version,
    };
    signed(&content, &[author])
}

/// A manifest of the profile for the model of the C target, sequence number 7.
fn envelope(author: &KeyPair, image: &[u8]) -> Vec<u8> {
    let policy = 15;
    let parameters = cbor(|w| {
        w.map(4).int(1).bytes(&VENDOR).int(2).bytes(&CLASS).int(3).bytes(&digest(image));
        w.int(14).uint(image.len() as u64);
    });
    let shared = cbor(|w| {
        w.array(6).int(20).raw(&parameters).int(1).int(policy).int(2).int(policy);
    });
    let common = cbor(|w| {
        w.map(2).int(2).array(1).array(1).bytes(b"main").int(4).bytes(&shared);
    });
    let install = cbor(|w| {
        w.array(6).int(20).map(1).int(21).text("https://pumps.example/7").int(21).int(policy).int(3).int(policy);
    });
    let validate = cbor(|w| {
        w.array(2).int(3).int(policy);
    });
    let manifest = cbor(|w| {
        w.map(5).int(1).uint(1).int(2).uint(7).int(3).bytes(&common).int(7).bytes(&validate).int(20).bytes(&install);
    });
    let digest = digest(&cbor(|w| {
        w.bytes(&manifest);
    }));
    let headers = Headers { kid: Some(&author.thumbprint), ..Headers::default() };
    let mut block = vec![0; 256];
    let length = sign1(&author.private, &headers, &digest, true, &[], &mut block).expect("a signature");
    let wrapper = cbor(|w| {
        w.array(2).bytes(&digest).bytes(&block[..length]);
    });
    cbor(|w| {
        w.tag(107).map(2).int(2).bytes(&wrapper).int(3).bytes(&manifest);
    })
}

fn digest(bytes: &[u8]) -> Vec<u8> {
    let digest = Digest::of(&soft::suite(), HashAlg::Sha256, &[bytes]).expect("a digest");
    cbor(|w| digest.write(w))
}

fn cbor(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut measure = Writer::new(&mut []);
    write(&mut measure);
    let mut out = vec![0; measure.needed()];
    write(&mut Writer::new(&mut out));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use aseptic_core::Reason;

    /// The seeds lead where they should: the first through a whole update, the second through a succession of trust.
    #[test]
    fn the_seeds_live_a_life() {
        let seeds = c_calls_seeds();
        let told = |seed: &[u8]| calls(seed).into_iter().map(Reason::from_number).collect::<Vec<_>>();
        // Nothing was restarted into the new image, so there is nothing to confirm.
        let mut expected = vec![None; 54];
        expected[52] = Some(Reason::NoUpdate);
        assert_eq!(told(&seeds[0]), expected);
        assert_eq!(told(&seeds[1]), [None, None, None, None, Some(Reason::TrustRollback)]);
        let mut tampered = vec![None; 9];
        tampered.push(Some(Reason::ImageMismatch));
        tampered.extend([Some(Reason::Misuse); 2]);
        assert_eq!(told(&seeds[2]), tampered);
        let seldom = told(&seeds[5]);
        let done = seldom.iter().map(Option::is_none).collect::<Vec<_>>();
        let first = [true, true, true, true, true, false, false, true, true, true, true, false, true, false, true];
        assert_eq!(done[..15], first, "{seldom:?}");
        assert!(!done[15..].contains(&true), "{seldom:?}");
        let listening = told(&seeds[6]);
        let done = listening.iter().map(Option::is_none).collect::<Vec<_>>();
        let first = [true, true, true, false, false, false, true, false, false, true, true, false, false, false];
        assert_eq!(done, first, "{listening:?}");
        assert_eq!(listening[12], Some(Reason::MessageUnknownSender));
    }
}
