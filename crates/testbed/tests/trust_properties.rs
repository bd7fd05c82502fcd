//! Properties of trust updates over random stores: taken or without a trace, and never withdrawn in silence.

use aseptic_core::crypto::{KeyAlg, soft};
use aseptic_core::trust::*;
use aseptic_core::{Reason, limits};
use aseptic_testbed::bench::Bench;
use aseptic_testbed::trust::{KeyPair, signed};
use proptest::prelude::*;

/// One store, small enough that two of them often say the same.
#[derive(Clone, Debug)]
struct Plan {
    version: u64,
    epoch: u64,
    entries: Vec<(u8, u8, u8, bool)>,
    denied: Vec<u8>,
    minimums: Vec<(u8, u8)>,
    signer: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let entry = (1_u8..8, 0_u8..3, 0_u8..3, any::<bool>());
    (
        1_u64..7,
        1_u64..7,
        prop::collection::vec(entry, 0..4),
        prop::collection::vec(0_u8..3, 0..2),
        prop::collection::vec((0_u8..2, 1_u8..3), 0..2),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(version, epoch, entries, denied, minimums, signer)| Plan {
            version,
            epoch,
            entries,
            denied,
            minimums,
            signer,
        })
}

/// Purposes of the owner from three bits.
fn purposes(bits: u8) -> Purposes {
    let all = [Purpose::Telemetry, Purpose::Alarm, Purpose::Command];
    let chosen = all.into_iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, purpose)| purpose);
    Purposes::of(&chosen.collect::<Vec<_>>())
}

fn object(plan: &Plan, charge: &KeyPair, stranger: &KeyPair) -> Vec<u8> {
    const CERTIFICATES: [&[u8]; 3] = [b"\x30\x01\x01", b"\x30\x01\x02", b"\x30\x00"];
    const CONSTRAINTS: [&[u8]; 3] = [b"", b"narrow", b"narrower"];
    let entries: Vec<_> = plan
        .entries
        .iter()
        .map(|(bits, certificate, constraints, successor)| Entry {
            purposes: purposes(*bits),
            name: b"hospital",
            material: Material::Certificate(Anchor {
                certificate: CERTIFICATES[usize::from(*certificate)],
                constraints: CONSTRAINTS[usize::from(*constraints)],
                successor: successor.then_some(&[0x5C; 32]),
            }),
        })
        .collect();
    let denied: Vec<_> = plan.denied.iter().map(|key| [*key; 32]).collect();
    let issuers = [[0x11; 32], [0x12; 32]];
    let minimums: Vec<_> = plan
        .minimums
        .iter()
        .map(|(issuer, number)| ListMinimum {
            issuer: &issuers[usize::from(*issuer)],
            number: std::slice::from_ref(number),
        })
        .collect();
    let content = StoreContent {
        authority: Authority::Owner,
        version: plan.version,
        issued: 1_700_000_000,
        threshold: 1,
        signers: &[charge.public()],
        entries: &entries,
        denied: &denied,
        overrides: &[],
        quorums: &[],
        retirements: &[],
        minimums: &minimums,
        epoch: plan.epoch,
    };
    signed(&content, &[if plan.signer { charge } else { stranger }])
}

/// What somebody relies on: every purpose of every certificate within its constraints and with its successor, that no key is
/// denied, that lists count.
fn grounds(plan: &Plan) -> Vec<String> {
    let mut all = Vec::new();
    for (bits, certificate, constraints, successor) in &plan.entries {
        for purpose in 0..3 {
            if bits >> purpose & 1 == 1 {
                // Without constraints it may do all that it may within some.
                let within: &[u8] = if *constraints == 0 { &[0, 1, 2] } else { std::slice::from_ref(constraints) };
                for constraint in within {
                    all.push(format!("{certificate} for {purpose} within {constraint}"));
                    if *successor {
                        all.push(format!("successor of {certificate} for {purpose} within {constraint}"));
                    }
                }
            }
        }
    }
    all.extend((0..3).filter(|key| !plan.denied.contains(key)).map(|key| format!("key {key}")));
    for issuer in 0..2 {
        let lowest = plan.minimums.iter().filter(|(of, _)| *of == issuer).map(|(_, number)| *number).max().unwrap_or(0);
        all.extend((lowest..4).map(|number| format!("list {number} of {issuer}")));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn an_update_is_taken_or_leaves_no_trace_and_what_is_lost_is_told(first in plan(), second in plan()) {
        let (charge, stranger) = (KeyPair::new(KeyAlg::Ed25519, 1), KeyPair::new(KeyAlg::Ed25519, 2));
        let bench = Bench::new(1);
        let (platform, suite) = (bench.platform(), soft::suite());
        let mut buffer = [0; limits::TRUST_STORE];
        let present = PhysicalPresence::confirmed_at_the_device();
        let before = bench.snapshot();
        let installed = object(&first, &charge, &stranger);
        let told = install(&platform, &suite, None, Authority::Owner, &installed, present, &mut buffer);
        prop_assert_eq!(told.is_ok(), first.signer && first.epoch <= first.version);
        if told.is_err() {
            prop_assert_eq!(bench.snapshot(), before);
            return Ok(());
        }
        let epoch = |bench: &Bench| {
            let mut buffers = TrustBuffers::new();
            Trust::load(&bench.platform(), &mut buffers).map(|trust| trust.epoch())
        };
        let (before, old) = (bench.snapshot(), epoch(&bench).unwrap());
        let told = update(&platform, &suite, None, Authority::Owner, &object(&second, &charge, &stranger), &mut buffer);
        let kept = grounds(&second);
        let lost = grounds(&first).into_iter().filter(|ground| !kept.contains(ground)).collect::<Vec<_>>();
        match told {
            Ok(()) => {
                let new = epoch(&bench).unwrap();
                prop_assert!(new > old || new == old && lost.is_empty(), "{lost:?} without a word");
            }
            Err(reason) => {
                prop_assert_eq!(bench.snapshot(), before);
                if reason == Reason::TrustEpoch {
                    // Named truthfully, as the author tool does, the same content is taken.
                    let truthful = Plan { epoch: second.version, ..second.clone() };
                    let object = object(&truthful, &charge, &stranger);
                    prop_assert_eq!(update(&platform, &suite, None, Authority::Owner, &object, &mut buffer), Ok(()));
                }
            }
        }
    }
}
