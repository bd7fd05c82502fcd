//! Reports, and what lies in the slots of an outbox.

use crate::bench::Bench;
use crate::trust::KeyPair;
use aseptic_core::cbor::Writer;
use aseptic_core::cose::{ContentType, Headers, sign1};
use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::platform::{Slot, Store};
use aseptic_core::record;
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Purposes, VerifiedPeer, danger};
use aseptic_messaging::{
    Direction, ENTRY, MessageId, Origin, Outbox, REPORT, REPORT_PROFILE, Receipt, Report, StreamReport, Verdict,
};
use std::sync::LazyLock;

const DEVICE: &[u8] = b"pump-1";
const RECORD: &[u8] = b"adapter-1";

static SIGNER: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::new(KeyAlg::Ed25519, 33));
static GENUINE: LazyLock<Vec<u8>> = LazyLock::new(genuine);

/// A report, or an entry of an outbox. The first byte says which, and how much of it the attacker made: 0 all of the
/// report, 1 what is signed, 2 an entry on the medium.
pub fn message_report(data: &[u8]) {
    let Some((layer, data)) = data.split_first() else { return };
    let report = match layer % 3 {
        0 => verify(data).inspect(|_| assert_eq!(data, &GENUINE[..], "nobody signed this")),
        1 => signed(data).and_then(|report| verify(&report)),
        _ => return entry(data),
    };
    let Some(report) = report else { return };
    // What was understood is said again in the same words.
    let mut out = vec![0; REPORT];
    let from = Origin { name: RECORD, key: SIGNER.public(), signer: &SIGNER.private };
    let length = report
        .sign(&soft::suite(), &from, DEVICE, Direction::FromDevice, &mut out)
        .expect("a report within the bounds");
    assert_eq!(verify(&out[..length]), Some(report));
    let bench = Bench::new(3);
    let settled = outbox(&bench).settle(&bench.platform(), &report).expect("an empty outbox");
    assert_eq!(settled, aseptic_messaging::Settled::default());
}

/// Nobody without the storage key makes an entry: it is removed, and the outbox goes on.
fn entry(data: &[u8]) {
    let bench = Bench::new(3);
    drop(outbox(&bench));
    if data.len() > ENTRY {
        return;
    }
    Store::save(&bench, Slot(record::OUTBOX.start), data).expect("room in memory");
    assert!(outbox(&bench).is_empty());
    assert!(Store::load(&bench, Slot(record::OUTBOX.start), &mut [0; ENTRY]).is_err());
}

fn outbox(bench: &Bench) -> Outbox {
    Outbox::load(&bench.platform(), &soft::suite(), 4, &mut [0; ENTRY]).expect("an outbox goes on")
}

fn verify(bytes: &[u8]) -> Option<Report> {
    Report::verify(&soft::suite(), &peer(), DEVICE, Direction::FromDevice, bytes).ok()
}

fn peer() -> VerifiedPeer {
    let purposes = Purposes::of(&[Purpose::Receipt]);
    let entries = [Entry { purposes, name: RECORD, material: Material::Key(SIGNER.public()) }];
    let trust = danger::unsigned(Authority::Owner, &entries).expect("one entry");
    trust.pinned(&soft::suite(), Purpose::Receipt, RECORD).expect("a pinned key")
}

/// Any payload, signed by the record.
fn signed(payload: &[u8]) -> Option<Vec<u8>> {
    let mut aad = [0; 96];
    let mut writer = Writer::new(&mut aad);
    writer.array(3).text(REPORT_PROFILE).uint(Direction::FromDevice as u64).text("pump-1");
    let aad = writer.finish().ok()?;
    let typ = Some(ContentType::Text(REPORT_PROFILE));
    let headers = Headers { kid: Some(&SIGNER.thumbprint), typ, ..Headers::default() };
    let mut out = vec![0; payload.len() + 512];
    let length = sign1(&SIGNER.private, &headers, payload, false, aad, &mut out).ok()?;
    out.truncate(length);
    Some(out)
}

fn genuine() -> Vec<u8> {
    let id = MessageId { stream: 1, epoch: 2, sequence: 300 };
    let mut report = Report { lost_session: Some([1, 2, 3, 4]), ..Report::default() };
    report.add(Receipt { id, digest: [5; 16], verdict: Verdict::Stored }).expect("room for one");
    report.streams[0] = Some(StreamReport { stream: 1, epoch: 2, high: 300, missing: 5, uncertain: 0 });
    let from = Origin { name: RECORD, key: SIGNER.public(), signer: &SIGNER.private };
    let mut out = vec![0; REPORT];
    let length = report.sign(&soft::suite(), &from, DEVICE, Direction::FromDevice, &mut out).expect("a report");
    out.truncate(length);
    out
}

pub(super) fn report_seeds() -> Vec<Vec<u8>> {
    let with = |layer: u8, data: &[u8]| [&[layer], data].concat();
    let mut payload = [0; 128];
    let mut writer = Writer::new(&mut payload);
    writer.array(3).array(1).array(5).uint(1).uint(2).uint(300).bytes(&[5; 16]).uint(603);
    writer.array(1).array(5).uint(1).uint(2).uint(300).uint(5).uint(0).null();
    let payload = writer.finish().expect("a short payload");
    vec![with(0, &GENUINE), with(1, payload), with(2, &[1, 7, 0, 0, 0, 0, 0, 0, 0, 1])]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_are_believed() {
        assert!(verify(&GENUINE).is_some());
        assert!(verify(&signed(&report_seeds()[1][1..]).unwrap()).is_some());
    }
}
