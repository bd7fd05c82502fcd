//! HSS/LMS signatures, in the four shapes in which they are published:
//!
//! * `*.vec`: blocks of `PublicKey`, `Msg` and `Signature` or `InvalidSignature` in hexadecimal, as Botan keeps them;
//! * `*.json` with `testGroups`: NIST ACVP, LMS without HSS, which is HSS of one level less two numbers;
//! * `*.json` else: COSE messages of the COSE working group (RFC 8778);
//! * `*.pem`: certificates that sign themselves (RFC 9802).
//!
//! Each signature is read twice: from memory, and in pieces from a source that allows no large ones. Each that verifies
//! must no longer do so once changed, cut or lengthened.

use super::{Error, Outcome, Report, Source, cose, files, json};
use aseptic_certs::Certificate;
use aseptic_core::crypto::lms::{self, Source as Pieces};
use aseptic_core::crypto::{KeyAlg, Parts, PublicKey, soft};
use aseptic_core::{Reason, Result as Told};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Bytes that the verifier may ask for at once.
const PIECE: usize = 56;

/// Runs every case below the folder, or of the file.
pub(super) fn run(source: &Source, report: &mut Report) -> Result<(), Error> {
    let known = |name: &str| {
        [".vec", ".json", ".json.gz", ".pem"].iter().any(|end| name.ends_with(end)) && !name.contains("ML_DSA")
    };
    for path in files(&source.path, known)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".vec") {
            let text = fs::read_to_string(&path).map_err(|cause| Error::Unreadable(path.clone(), cause))?;
            blocks(&name, &text, report).ok_or_else(|| Error::Shape(path.clone(), "no hexadecimal".into()))?;
        } else if name.ends_with(".pem") {
            certificate(&name, &path, report)?;
        } else {
            let file = json(&path)?;
            if file["testGroups"].is_array() {
                let lms = file["algorithm"] == "LMS";
                if lms {
                    acvp(&name, &file, report).ok_or_else(|| Error::Shape(path.clone(), "no hexadecimal".into()))?;
                }
            } else if file["input"].is_object() {
                cose::run_file(&path, &file, None, report);
            }
        }
    }
    Ok(())
}

/// Lines of `name = hexadecimal`; a block ends with its signature.
fn blocks(name: &str, text: &str, report: &mut Report) -> Option<()> {
    let (mut key, mut message) = (None, None);
    for (number, line) in (1..).zip(text.lines()) {
        let Some((field, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else { continue };
        let (id, value) = (format!("{name}#{number}"), value.trim());
        match field.trim() {
            "PublicKey" => key = Some(hex::decode(value).ok()?),
            "Msg" => message = Some(hex::decode(value).ok()?),
            "PrivateKey" | "Seed" => key = None,
            "HashSig" => {
                (key, message) = (None, None);
                report.case(&id, &[], Outcome::Skip("only the hash of a signature is told".into()));
            }
            what @ ("Signature" | "InvalidSignature") => match (key.take(), message.take()) {
                (Some(key), Some(message)) => {
                    let case = Case { key, message, signature: hex::decode(value).ok()? };
                    case.run(&id, what == "Signature", report);
                }
                _ => report.case(&id, &[], Outcome::Skip("a case of signing: no public key is told".into())),
            },
            _ => {}
        }
    }
    Some(())
}

fn acvp(name: &str, file: &Value, report: &mut Report) -> Option<()> {
    let bytes = |value: &Value| hex::decode(value.as_str()?).ok();
    for group in file["testGroups"].as_array()? {
        for test in group["tests"].as_array()? {
            let key = bytes(&test["publicKey"]).or_else(|| bytes(&group["publicKey"]))?;
            let case = Case {
                key: [&1_u32.to_be_bytes()[..], &key].concat(),
                message: bytes(&test["message"])?,
                signature: [&0_u32.to_be_bytes()[..], &bytes(&test["signature"])?].concat(),
            };
            case.run(&format!("{name}#{}", test["tcId"]), test["testPassed"].as_bool()?, report);
        }
    }
    Some(())
}

fn certificate(name: &str, path: &Path, report: &mut Report) -> Result<(), Error> {
    let text = fs::read(path).map_err(|cause| Error::Unreadable(path.to_owned(), cause))?;
    let shape = || Error::Shape(path.to_owned(), "no certificate with an HSS/LMS key".into());
    let der = super::pem(&text).ok_or_else(shape)?;
    let certificate = Certificate::parse(&der).map_err(|_| shape())?;
    let key = PublicKey::from_spki(certificate.spki).map_err(|_| shape())?;
    let case = Case {
        key: key.bytes().to_vec(),
        message: certificate.tbs.to_vec(),
        signature: certificate.signature.to_vec(),
    };
    case.run(name, true, report);
    Ok(())
}

struct Case {
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Case {
    fn run(&self, id: &str, valid: bool, report: &mut Report) {
        let told = self.verify(&self.signature);
        if told == Err(Reason::AlgorithmUnsupported) {
            report.case(id, &["SHAKE256"], Outcome::Fail("the library has no SHAKE256".into()));
        } else if valid {
            report.case(id, &[], Outcome::gives(told.as_ref(), &()));
            let last = self.signature.len().saturating_sub(1);
            let changed = |at: usize| {
                let mut changed = self.signature.clone();
                changed.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
                self.verify(&changed)
            };
            report.case(&format!("{id}, first byte changed"), &[], Outcome::refused(changed(0)));
            report.case(&format!("{id}, a byte in the middle changed"), &[], Outcome::refused(changed(last / 2)));
            report.case(&format!("{id}, last byte changed"), &[], Outcome::refused(changed(last)));
            let cut = self.verify(self.signature.get(..last).unwrap_or_default());
            report.case(&format!("{id}, last byte cut"), &[], Outcome::refused(cut));
            let longer = self.verify(&[&self.signature[..], &[0]].concat());
            report.case(&format!("{id}, a byte behind"), &[], Outcome::refused(longer));
        } else {
            report.case(id, &[], Outcome::refused(told));
        }
    }

    /// As a suite asks, and in pieces; both must say the same.
    fn verify(&self, signature: &[u8]) -> Told<()> {
        let alg = if self.key.len() == 52 { KeyAlg::HssLms192 } else { KeyAlg::HssLms256 };
        let key = PublicKey::new(alg, &self.key)?;
        let told = soft::suite().verify(key, &mut Parts(&[&self.message]), signature);
        let mut pieces = Slow(signature);
        let streamed = lms::verify(&soft::Sha256, &self.key, &mut Parts(&[&self.message]), &mut pieces);
        if told == streamed { told } else { Err(Reason::Internal) }
    }
}

/// A medium that gives a few bytes at a time.
struct Slow<'a>(&'a [u8]);

impl Pieces for Slow<'_> {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn read(&mut self, offset: usize, out: &mut [u8]) -> Told<()> {
        if out.len() > PIECE { Err(Reason::PlatformIo) } else { self.0.read(offset, out) }
    }
}
