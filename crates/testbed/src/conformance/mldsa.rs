//! ML-DSA signatures on the hosted suite: Project Wycheproof and the COSE messages of RFC 9964.
//!
//! NIST's own ACVP cases call an inner function of the algorithm, before the message is prefixed; a verifier of messages
//! must not be shown them.

use super::{Error, Outcome, Report, Source, files, json};
use aseptic_core::cose::Sign1;
use aseptic_core::crypto::{KeyAlg, Parts, PublicKey};
use aseptic_core::{Reason, Result as Told};
use aseptic_hosted::crypto::{MlDsaKey, suite};
use serde_json::Value;

const ALGS: [(&str, KeyAlg); 3] =
    [("ML-DSA-44", KeyAlg::MlDsa44), ("ML-DSA-65", KeyAlg::MlDsa65), ("ML-DSA-87", KeyAlg::MlDsa87)];

/// Runs every case below the folder, or of the file.
pub(super) fn run(source: &Source, report: &mut Report) -> Result<(), Error> {
    for path in files(&source.path, |name| name.ends_with(".json") || name.ends_with(".json.gz"))? {
        let (file, name) = (json(&path)?, path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let done = match (file["sign1"].is_string(), file["algorithm"].as_str()) {
            (true, _) => cose(&name, &file, report),
            (false, Some(_)) if file["vsId"].is_number() => {
                report.case(&name, &[], Outcome::Skip("cases of ML-DSA.Verify_internal (FIPS 204 algorithm 8)".into()));
                Some(())
            }
            (false, Some(algorithm)) => match ALGS.iter().find(|(name, _)| *name == algorithm) {
                Some((_, alg)) => wycheproof(&name, *alg, &file, report),
                None => Some(()),
            },
            (false, None) => Some(()),
        };
        done.ok_or_else(|| Error::Shape(path.clone(), "a field is missing".into()))?;
    }
    Ok(())
}

fn wycheproof(name: &str, alg: KeyAlg, file: &Value, report: &mut Report) -> Option<()> {
    for group in file["testGroups"].as_array()? {
        // Other groups sign, or draw keys.
        if group["type"] != "MlDsaVerify" {
            report.case(name, &[], Outcome::Skip("cases of signing".into()));
            continue;
        }
        let key = bytes(&group["publicKey"])?;
        for test in group["tests"].as_array()? {
            let (message, signature) = (bytes(&test["msg"])?, bytes(&test["sig"])?);
            let told =
                PublicKey::new(alg, &key).and_then(|key| suite().verify(key, &mut Parts(&[&message]), &signature));
            let context = test["ctx"].as_str().is_some_and(|context| !context.is_empty());
            let id = format!("{name}#{}", test["tcId"]);
            match test["result"].as_str()? {
                "valid" if context => report.case(&id, &["context"], Outcome::gives(told.as_ref(), &())),
                "valid" => report.case(&id, &[], Outcome::gives(told.as_ref(), &())),
                "invalid" => report.case(&id, &[], Outcome::refused(told)),
                _ => return None,
            }
        }
    }
    Some(())
}

/// A message with its key; changed anywhere in the signature, or shown another key, it must be refused.
fn cose(name: &str, file: &Value, report: &mut Report) -> Option<()> {
    let (message, key) = (bytes(&file["sign1"])?, bytes(&file["raw_public_key"])?);
    let (_, alg) = ALGS.iter().find(|(_, alg)| alg.public_len() == key.len())?;
    let verify = |message: &[u8], key: &[u8]| -> Told<()> {
        Sign1::parse(message)?.verify(&suite(), PublicKey::new(*alg, key)?, &[], None)
    };
    report.case(name, &[], Outcome::gives(verify(&message, &key).as_ref(), &()));
    // The seed in PKCS#8 (RFC 9881 section 6) is the author's key to the same public one.
    let oid: u8 = [0x11, 0x12, 0x13].get(ALGS.iter().position(|(_, other)| other == alg)?).copied()?;
    let head = [0x30, 0x34, 2, 1, 0, 0x30, 0x0B, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, oid, 4, 0x22, 0x80, 0x20];
    let author = MlDsaKey::from_pkcs8(&[&head, &bytes(&file["priv"])?[..]].concat());
    let public = author.and_then(|author| author.public().map(|public| public.bytes().to_vec()));
    report.case(&format!("{name}, from its seed"), &[], Outcome::gives(public.as_ref(), &key));
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
        bytes
    };
    let last = message.len().saturating_sub(1);
    report.case(&format!("{name}, signature changed"), &[], Outcome::refused(verify(&flipped(&message, last), &key)));
    report.case(&format!("{name}, key changed"), &[], Outcome::refused(verify(&message, &flipped(&key, 100))));
    let longer = verify(&[&message[..], &[0]].concat(), &key);
    report.case(&format!("{name}, a byte behind"), &[], Outcome::refused(longer));
    for (_, other) in ALGS.iter().filter(|(_, other)| other != alg) {
        let key = vec![7; other.public_len()];
        let told: Told<()> =
            PublicKey::new(*other, &key).and_then(|key| Sign1::parse(&message)?.verify(&suite(), key, &[], None));
        let outcome = match told {
            Err(Reason::CoseAlgorithm) => Outcome::Pass,
            other => Outcome::Fail(format!("{other:?}")),
        };
        report.case(&format!("{name}, key of {other:?}"), &[], outcome);
    }
    Some(())
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    hex::decode(value.as_str()?).ok()
}
