//! Countersignatures: those of the working group's examples, and the examples of RFC 9338.

use super::{Public, Refusal, alg_name, diagnostic, external, lacking, public};
use crate::conformance::{Error, Outcome, Report};
use aseptic_core::cbor::{Reader, Rules, Type};
use aseptic_core::cose::{CoseAlg, Sign, Sign1};
use aseptic_core::crypto::KeyAlg;
use aseptic_core::crypto::soft::suite;
use aseptic_messaging::{Countersigned, Form};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Verifies every countersignature that the case tells of: on the message, on its signatures and on its recipients.
/// None may be there that it does not tell of.
pub(super) fn verify(message: &[u8], body: &Value) -> Result<(), Refusal> {
    verify_target(message, body)?;
    let described = ["signers", "recipients"].iter().filter_map(|name| body[name].as_array()).flatten();
    let described: Vec<&Value> = described.collect();
    if described.iter().all(|layer| layer.get("countersign").is_none() && layer.get("countersign0").is_none()) {
        return Ok(());
    }
    let layers = layers(message)?;
    if layers.len() != described.len() {
        return Err(Refusal::shape("countersign"));
    }
    layers.into_iter().zip(described).try_for_each(|(layer, described)| verify_target(layer, described))
}

/// What the countersigners of a layer use that the library does not have.
pub(super) fn lacking_of(layer: &Value) -> impl Iterator<Item = &str> {
    countersigners(layer).filter_map(|signer| lacking(alg_name(signer)?))
}

fn countersigners(layer: &Value) -> impl Iterator<Item = &Value> {
    ["countersign", "countersign0"].iter().filter_map(|name| layer[name]["signers"].as_array()).flatten()
}

fn verify_target(target: &[u8], described: &Value) -> Result<(), Refusal> {
    let signers: Vec<&Value> = countersigners(described).collect();
    if signers.is_empty() {
        return Ok(());
    }
    let read = Countersigned::parse(target)?;
    let found: Vec<_> = read.countersignatures().collect();
    if found.len() != signers.len() {
        return Err(Refusal::shape("countersign"));
    }
    for (one, signer) in found.iter().zip(signers) {
        let key = public(&signer["key"])?;
        one.verify(&suite(), key.key()?, &external(signer))?;
    }
    Ok(())
}

/// The signatures or recipients of a message, each encoded.
fn layers(message: &[u8]) -> Result<Vec<&[u8]>, Refusal> {
    let mut reader = Reader::new(message, Rules::Received);
    if reader.peek()? == Type::Tag {
        reader.tag()?;
    }
    // They are the last field.
    let fields = reader.array()?;
    (1..fields).try_for_each(|_| reader.raw().map(drop))?;
    let count = reader.array()?;
    Ok((0..count).map(|_| reader.raw()).collect::<Result<_, _>>()?)
}

/// Runs the examples in the XML of RFC 9338, which are CBOR diagnostic notation between `sourcecode` tags. The keys are those
/// that every COSE document uses: the P-256 key "11" of RFC 9052 appendix C, the Ed25519 key of RFC 8032 section 7.1.
pub(super) fn run_examples(path: &Path, report: &mut Report) -> Result<(), Error> {
    let text = fs::read_to_string(path).map_err(|cause| Error::Unreadable(path.to_owned(), cause))?;
    for section in text.split("<section anchor=\"").skip(1) {
        let Some((anchor, rest)) = section.split_once('"') else { continue };
        let Some((_, code)) = rest.split_once("type=\"CBORdiag\"><![CDATA[") else { continue };
        let code = code.split("]]>").next().unwrap_or_default();
        let message = diagnostic::encode(code).map_err(|detail| Error::Shape(path.to_owned(), detail))?;
        let mut classes = Vec::new();
        let outcome = Outcome::gives(example(&message, &mut classes).as_ref(), &());
        report.case(&format!("rfc9338/{anchor}"), &classes, outcome);
    }
    Ok(())
}

/// Verifies the countersignatures of an example and, where it is signed, the signature under them.
fn example(message: &[u8], classes: &mut Vec<&'static str>) -> Result<(), Refusal> {
    let read = Countersigned::parse(message)?;
    let mut count = 0;
    for one in read.countersignatures() {
        let key = key_for(one.header.alg.map(|(alg, _)| alg), classes)?;
        one.verify(&suite(), key.key()?, &[])?;
        count += usize::from(one.form == Form::Full);
    }
    if count == 0 {
        return Err(Refusal::shape("countersign"));
    }
    if let Ok(sign1) = Sign1::parse(message) {
        let key = key_for(sign1.header.alg.map(|(alg, _)| alg), classes)?;
        sign1.verify(&suite(), key.key()?, &[], None)?;
    }
    if let Ok(sign) = Sign::parse(message) {
        for layer in sign.layers() {
            let key = key_for(layer.header.alg.map(|(alg, _)| alg), classes)?;
            sign.verify(layer, &suite(), key.key()?, &[], None)?;
        }
    }
    Ok(())
}

fn key_for(alg: Option<CoseAlg>, classes: &mut Vec<&'static str>) -> Result<Public, Refusal> {
    let (alg, bytes) = match alg {
        Some(CoseAlg::ES256 | CoseAlg::ESP256) => (KeyAlg::P256, P256),
        Some(CoseAlg::EDDSA | CoseAlg::ED25519) => (KeyAlg::Ed25519, ED25519),
        Some(CoseAlg(-36)) => {
            classes.push("ES512");
            return Err(Refusal::Unsupported("ES512".into()));
        }
        _ => return Err(Refusal::shape("alg")),
    };
    let bytes = hex::decode(bytes).map_err(|_| Refusal::shape("key"))?;
    Ok(Public { alg, bytes })
}

const P256: &str = "04bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff\
                    20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e";
const ED25519: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
