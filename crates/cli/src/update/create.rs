//! `aseptic update create`.

use crate::error::{Error, Result};
use crate::file;
use crate::tree::{Node, hex};
use aseptic_core::Reason;
use aseptic_core::crypto::soft;
use aseptic_infra::AuthorityKey;
use aseptic_infra::author::{self, Description, Signature};
use clap::Args;
use std::path::{Path, PathBuf};

/// Sign an update: from a description and an image to a SUIT envelope.
///
/// The description is TOML:
///   vendor = "pumps.example"             # domain name of the maker
///   class = "infusion pump 2"            # name of the class of devices
///   sequence = 7                         # rises with each release
///   uri = "https://pumps.example/7.bin"  # where devices get the image; "#name" puts it into the envelope
///   image = "pump-7.bin"                 # where it is now, relative to the description
///   component = ["main"]                 # optional
///
/// Before the envelope is written the device's own code reads it: what a device would refuse is not handed out.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  aseptic update create pump-7.toml --key author.key --out pump-7.suit"
)]
pub(crate) struct Arguments {
    /// What is released, in TOML
    description: PathBuf,
    /// Private key of an author, PEM, mode 0600; repeated, several sign together
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<PathBuf>,
    /// Where the envelope goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the envelope if there is one
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<String> {
    let path = &arguments.description;
    let fail = |error| Error::infra(path, &error);
    let text = String::from_utf8(file::read(path)?)
        .map_err(|_| Error::because(path, Reason::DescriptionInvalid, "The description is not text."))?;
    let description = Description::parse(&text).map_err(fail)?;
    let image = path.parent().unwrap_or(Path::new("")).join(&description.image);
    let manifest = description.manifest(&file::read(&image)?).map_err(fail)?;

    let load = |path: &PathBuf| AuthorityKey::load(path).map_err(|error| Error::infra(path, &error));
    let keys: Vec<_> = arguments.key.iter().map(load).collect::<Result<_>>()?;
    let sign = |key| Ok(Signature { key: AuthorityKey::public(key)?, signer: key });
    let signatures: Vec<_> = keys.iter().map(sign).collect::<aseptic_infra::Result<_>>().map_err(fail)?;
    let envelope = manifest.sign(&soft::suite(), &signatures).map_err(fail)?;
    let public: Vec<_> = signatures.iter().map(|signature| signature.key).collect();
    let found = author::verify(&soft::suite(), &envelope, &public, Some(&manifest.identity())).map_err(fail)?;
    file::write(&arguments.out, &envelope, arguments.force)?;

    let mut children = vec![
        Node::leaf("sequence number", found.sequence.to_string()),
        Node::leaf("image size", found.size.to_string()).meaning("bytes"),
        Node::leaf("image digest", found.digest.map(|digest| hex(digest.as_bytes())).unwrap_or_default()),
        Node::leaf("URI", found.uri),
    ];
    for signature in &signatures {
        let thumbprint = signature.key.thumbprint(&soft::suite()).map_err(|reason| Error::refused(path, reason))?;
        children.push(Node::leaf("signed by", hex(&thumbprint)).meaning("SHA-256 of the public key"));
    }
    Ok(Node::new(arguments.out.display().to_string(), format!("{} bytes", envelope.len()), children).text())
}
