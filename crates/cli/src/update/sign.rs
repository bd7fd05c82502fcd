//! `aseptic update sign` and `aseptic update add-signature`.

use super::{Output, keys};
use crate::error::{Error, Result};
use crate::file;
use crate::tree::{Node, hex};
use aseptic_core::crypto::PublicKey;
use aseptic_core::{Reason, limits};
use aseptic_hosted::crypto::suite;
use aseptic_infra::AuthorityKey;
use aseptic_infra::author::{self, Added, Envelope, Identity, Signature};
use clap::Args;
use std::path::{Path, PathBuf};

/// Sign an envelope, beside those who have signed it already.
///
/// Where several must sign, the file goes from hand to hand, or each one signs a copy with --detached and `add-signature`
/// brings the blocks together. Everybody sees what they sign. What a device would refuse is not signed: the device's own
/// code reads the manifest first. The same key and the same envelope give the same signature, but of ML-DSA.
///
/// A key in an HSM, as HSS/LMS wants it (SP 800-208), signs what --message writes, as it is and not its hash; its answer goes
/// to `add-signature --raw`.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:\n  aseptic update sign pump-7.suit --key alice.key --out pump-7.alice.suit\n  \
                  aseptic update sign pump-7.suit --key bob.key --detached bob.cose\n  \
                  aseptic update sign pump-7.suit --public hsm.pub --message pump-7.hsm"
)]
pub(crate) struct Sign {
    /// The envelope
    file: PathBuf,
    /// Private key of somebody who signs, PEM (PKCS#8), mode 0600; repeated, several sign together
    #[arg(long, value_name = "FILE", required_unless_present = "message", conflicts_with = "message")]
    key: Vec<PathBuf>,
    /// Where the signed envelope goes
    #[arg(long, value_name = "FILE", required_unless_present_any = ["detached", "message"], conflicts_with_all = ["detached", "message"])]
    out: Option<PathBuf>,
    /// Where the signature alone goes, a COSE_Sign1 for `add-signature`; with one --key
    #[arg(long, value_name = "FILE", conflicts_with = "message")]
    detached: Option<PathBuf>,
    /// Where the bytes go that the key of --public is to sign
    #[arg(long, value_name = "FILE", requires = "public")]
    message: Option<PathBuf>,
    /// Public key of who signs elsewhere: PEM, a public key or a certificate
    #[arg(long, value_name = "FILE", requires = "message")]
    public: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long)]
    force: bool,
}

/// Put signatures into an envelope that were made elsewhere.
///
/// A signature is a COSE_Sign1 whose detached payload is the digest of the manifest, as `sign --detached` makes it or whoever
/// holds the key in an HSM; or the bare signature of what `sign --message` wrote. It goes in only if it verifies over this very
/// envelope with one of the public keys. A key that has signed already counts once, and nothing is added.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:\n  aseptic update add-signature pump-7.suit --block bob.cose --block carol.cose \\\n      \
                  --key bob.pub --key carol.pub --out pump-7.signed.suit\n  \
                  aseptic update add-signature pump-7.suit --raw hsm.sig --key hsm.pub --out pump-7.signed.suit"
)]
pub(crate) struct AddSignature {
    /// The envelope
    file: PathBuf,
    /// A signature; may be repeated. Another signed copy of the envelope will do: then it is all of its signatures
    #[arg(long, value_name = "FILE", required_unless_present = "raw")]
    block: Vec<PathBuf>,
    /// A bare signature (ECDSA: r and s, 64 bytes) by one of the keys; may be repeated
    #[arg(long, value_name = "FILE")]
    raw: Vec<PathBuf>,
    /// Public keys of those who signed: PEM, public keys or certificates; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    #[command(flatten)]
    out: Output,
}

pub(super) fn sign(arguments: &Sign) -> Result<String> {
    let path = &arguments.file;
    let fail = |error| Error::infra(path, &error);
    let mut envelope = keys::envelope(path)?;
    if let (Some(out), Some(public)) = (&arguments.message, &arguments.public) {
        return message(&envelope, path, public, out, arguments.force);
    }
    let identity = Identity::named_by(&envelope).map_err(fail)?;
    let private = keys::private(&arguments.key)?;
    let mut made = Vec::new();
    for (key, from) in private.iter().zip(&arguments.key) {
        let signature = Signature { key: AuthorityKey::public(key).map_err(fail)?, signer: key };
        let block = envelope.sign(&suite(), &signature).map_err(fail)?;
        let added = envelope.add(&suite(), &block, &[signature.key]).map_err(fail)?;
        author::verify(&suite(), &envelope.encode(), &[signature.key], Some(&identity)).map_err(fail)?;
        made.push((from, block, added));
    }
    match (&arguments.out, &arguments.detached, made.as_slice()) {
        (Some(out), _, _) => {
            let signed = made.iter().map(|(from, _, added)| line(from, added)).collect();
            super::write(out, arguments.force, &envelope, signed)
        }
        (None, Some(out), [(from, block, added)]) => {
            file::write(out, block, arguments.force)?;
            let children = vec![super::summary(&envelope, path)?, line(from, &Added { new: true, ..*added })];
            Ok(Node::new(out.display().to_string(), format!("{} bytes", block.len()), children).text())
        }
        (None, ..) => Err(Error::because(path, Reason::Misuse, "A detached signature is that of one key.")
            .remedied("Call it once for each --key.")),
    }
}

pub(super) fn add(arguments: &AddSignature) -> Result<String> {
    let path = &arguments.file;
    let mut envelope = keys::envelope(path)?;
    let spki = keys::public(&arguments.key)?;
    let mut lines = Vec::new();
    for from in &arguments.block {
        for block in blocks(from)? {
            let added = envelope.add(&suite(), &block, &keys::borrowed(&spki));
            lines.push(line(from, &added.map_err(|error| Error::infra(from, &error))?));
        }
    }
    for from in &arguments.raw {
        lines.push(line(from, &bare(&mut envelope, from, &keys::borrowed(&spki))?));
    }
    super::write(&arguments.out.out, arguments.out.force, &envelope, lines)
}

/// Writes what a key elsewhere is to sign, and shows what that is.
fn message(envelope: &Envelope, path: &Path, public: &Path, out: &Path, force: bool) -> Result<String> {
    let spki = keys::public(&[public.to_owned()])?;
    let keys = keys::borrowed(&spki);
    let [key] = keys.as_slice() else {
        return Err(
            Error::because(public, Reason::Misuse, "It holds several keys.").remedied("Pass the one that signs.")
        );
    };
    let summary = super::summary(envelope, path)?;
    let message = envelope.message(&suite(), *key).map_err(|error| Error::infra(path, &error))?;
    file::write(out, &message, force)?;
    let how = Node::leaf("to be signed by", public.display().to_string()).meaning("these bytes, not their hash");
    Ok(Node::new(out.display().to_string(), format!("{} bytes", message.len()), vec![summary, how]).text())
}

/// Puts in a bare signature by one of the keys.
fn bare(envelope: &mut Envelope, from: &Path, keys: &[PublicKey<'_>]) -> Result<Added> {
    let signature = file::read(from)?;
    let mut failure = Error::refused(from, Reason::UnknownSigner);
    for key in keys {
        let added =
            envelope.block(&suite(), *key, &signature).and_then(|block| envelope.add(&suite(), &block, &[*key]));
        match added {
            Ok(added) => return Ok(added),
            Err(error) => failure = Error::infra(from, &error),
        }
    }
    Err(failure)
}

/// The signatures in a file: one, or those of an envelope.
fn blocks(path: &Path) -> Result<Vec<Vec<u8>>> {
    let bytes = file::read(path)?;
    match Envelope::parse(&bytes) {
        Ok(envelope) => Ok(envelope.blocks().map(<[u8]>::to_vec).collect()),
        Err(_) if bytes.len() > limits::MANIFEST * limits::AUTH_BLOCKS => Err(Error::refused(path, Reason::TooLarge)),
        Err(_) => Ok(vec![bytes]),
    }
}

fn line(from: &Path, added: &Added) -> Node {
    let meaning = if added.new { "SHA-256 of the public key" } else { "had signed already; nothing was added" };
    Node::leaf(format!("signed by {}", from.display()), hex(&added.signer)).meaning(meaning)
}
