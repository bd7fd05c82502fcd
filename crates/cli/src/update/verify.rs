//! `aseptic update verify`.

use crate::error::{Error, Result};
use crate::file;
use crate::tree::{Node, hex};
use aseptic_certs::Certificate;
use aseptic_core::Reason;
use aseptic_core::crypto::{PublicKey, soft};
use aseptic_infra::author::{self, Found, Identity};
use aseptic_update::Digest;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Check an update as a device does, with the device's own code.
///
/// Without --vendor and --class only the signature is judged. With them the whole manifest is walked as a device of that
/// class walks it; an image inside the envelope is checked too, and --payload checks one that travels apart. What only a
/// device knows is not judged: its rollback floor, its room, and whether it is in use.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  aseptic update verify pump-7.suit --key author.pub \\\n      --vendor pumps.example --class 'infusion pump 2' --payload pump-7.bin"
)]
pub(crate) struct Arguments {
    /// The envelope
    file: PathBuf,
    /// Public keys that may author updates: PEM, public keys or certificates; may be repeated
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// Domain name of the maker of the device
    #[arg(long, value_name = "DOMAIN", requires = "class")]
    vendor: Option<String>,
    /// Name of the class of devices
    #[arg(long, value_name = "NAME", requires = "vendor")]
    class: Option<String>,
    /// Part of the component identifier of the device; several in order
    #[arg(long, value_name = "PART", requires = "vendor", default_value = "main")]
    component: Vec<String>,
    /// The image, where it travels apart from the envelope
    #[arg(long, value_name = "FILE", requires = "vendor")]
    payload: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What was found, for programs.
#[derive(Serialize)]
struct Verdict {
    authentic: bool,
    signer: String,
    #[serde(flatten)]
    manifest: Option<Manifest>,
}

#[derive(Serialize)]
struct Manifest {
    sequence: u64,
    size: u64,
    digest: String,
    uri: String,
    image: &'static str,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let envelope = file::read(&arguments.file)?;
    let spki: Vec<_> = arguments.key.iter().map(|path| public_keys(path)).collect::<Result<Vec<_>>>()?.concat();
    let keys = spki.iter().map(|spki| PublicKey::from_spki(spki)).collect::<aseptic_core::Result<Vec<_>>>();
    let keys = keys.map_err(|reason| Error::refused(&arguments.file, reason))?;
    let identity = arguments.vendor.as_ref().zip(arguments.class.as_ref()).map(|(vendor, class)| {
        let vendor = author::vendor_id(vendor);
        let component = arguments.component.iter().map(|part| part.as_bytes().to_vec()).collect();
        Identity { vendor, class: author::class_id(&vendor, class), component }
    });
    let found = author::verify(&soft::suite(), &envelope, &keys, identity.as_ref())
        .map_err(|error| Error::infra(&arguments.file, &error))?;
    let apart = arguments.payload.as_deref().map(|path| check_payload(path, &found)).transpose()?.is_some();

    let manifest = found.digest.as_ref().map(|digest| Manifest {
        sequence: found.sequence,
        size: found.size,
        digest: hex(digest.as_bytes()),
        uri: found.uri.clone(),
        image: match (&found.payload, apart) {
            (Some(_), _) => "inside the envelope, checked",
            (None, true) => "apart from the envelope, checked",
            (None, false) => "apart from the envelope, not seen here",
        },
    });
    let verdict = Verdict { authentic: true, signer: hex(&found.signer), manifest };
    Ok(if arguments.json { serde_json::to_string_pretty(&verdict).unwrap_or_default() } else { verdict.text() })
}

impl Verdict {
    fn text(&self) -> String {
        let mut children = vec![Node::leaf("signed by", &self.signer).meaning("SHA-256 of the public key")];
        match &self.manifest {
            Some(manifest) => children.extend([
                Node::leaf("sequence number", manifest.sequence.to_string()).meaning("a device refuses an older one"),
                Node::leaf("image size", manifest.size.to_string()).meaning("bytes"),
                Node::leaf("image digest", &manifest.digest),
                Node::leaf("URI", &manifest.uri),
                Node::leaf("image", manifest.image),
            ]),
            None => children.push(
                Node::leaf("manifest", "not judged").meaning("pass --vendor and --class to walk it as a device does"),
            ),
        }
        Node::new("authentic", "", children).text()
    }
}

/// The image that travels apart is the one that was signed.
fn check_payload(path: &Path, found: &Found) -> Result<()> {
    let Some(signed) = &found.digest else { return Err(Error::refused(path, Reason::Misuse)) };
    let image = file::read(path)?;
    let digest = Digest::of(&soft::suite(), signed.alg(), &[&image]).map_err(|reason| Error::refused(path, reason))?;
    if digest == *signed && u64::try_from(image.len()) == Ok(found.size) {
        Ok(())
    } else {
        Err(Error::refused(path, Reason::ImageMismatch))
    }
}

/// The SubjectPublicKeyInfo of every key and certificate in a PEM file.
fn public_keys(path: &Path) -> Result<Vec<Vec<u8>>> {
    let refused = |cause| {
        Error::because(path, Reason::KeyInvalid, cause)
            .remedied("Pass a PEM file with a public key or a certificate, P-256 or Ed25519.")
    };
    let blocks = file::pem_blocks(&file::read(path)?).ok_or_else(|| refused("The PEM is damaged."))?;
    if blocks.is_empty() {
        return Err(refused("It holds no PEM."));
    }
    let mut keys = Vec::new();
    for block in &blocks {
        keys.push(match block.tag() {
            "PUBLIC KEY" => PublicKey::from_spki(block.contents())
                .map(|key| key.spki().concat())
                .map_err(|_| refused("The public key is of no kind that a device knows."))?,
            "CERTIFICATE" => Certificate::parse(block.contents())
                .and_then(|certificate| certificate.public_key().map(|key| key.spki().concat()))
                .map_err(|_| refused("The certificate holds no key that a device knows."))?,
            tag if tag.ends_with("PRIVATE KEY") => return Err(refused("It holds a private key.")),
            _ => return Err(refused("It holds something else than public keys.")),
        });
    }
    Ok(keys)
}
