//! `aseptic update encrypt`.

use super::{keys, progress};
use crate::error::{Error, Result};
use crate::file;
use crate::tree::Node;
use aseptic_core::Reason;
use aseptic_core::crypto::soft;
use aseptic_hosted::os::OsEntropy;
use aseptic_infra::author::encrypt::{Cipher, Recipient, encrypt};
use clap::{Args, ValueEnum};
use std::io::Read;
use std::path::PathBuf;

/// Encrypt an image for those who shall be able to read it, before its envelope is made.
///
/// The description then names the image under `file`, and under `encryption` and `payload` what this made of it: the
/// encryption info goes into the manifest, the ciphertext is what devices fetch. What is signed is the digest of the plain
/// image: encryption hides, and proves nothing.
///
/// A fresh key is made each time, so two runs differ. Recipients are devices by their public keys (ECDH-ES + A128KW), or the
/// holders of a key-encryption key (AES key wrap): 16, 24 or 32 bytes in a file of mode 0600.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Example:\n  aseptic update encrypt pump-7.bin --recipient pump-0815.pub --recipient pump-0816.pub \\\n      \
                  --info pump-7.info --out pump-7.enc"
)]
pub(crate) struct Arguments {
    /// The image
    image: PathBuf,
    /// Public key of a device for key agreement: PEM, P-256 or X25519, or a certificate; may be repeated
    #[arg(long, value_name = "FILE")]
    recipient: Vec<PathBuf>,
    /// Key-encryption key by its name, raw bytes; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = named, required_unless_present = "recipient")]
    kek: Vec<(String, PathBuf)>,
    /// How the image is encrypted
    #[arg(long, value_enum, default_value = "a128gcm")]
    cipher: Choice,
    /// Where the encryption info goes
    #[arg(long, value_name = "FILE")]
    info: PathBuf,
    /// Where the ciphertext goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the files if there are any
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// AES-128-GCM
    A128gcm,
    /// AES-256-GCM; for key-encryption keys alone
    A256gcm,
    /// AES-128 in counter mode: no tag
    A128ctr,
    /// AES-256 in counter mode; for key-encryption keys alone
    A256ctr,
}

pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let path = &arguments.image;
    let spki = keys::public(&arguments.recipient)?;
    let keks = keys::secrets(&arguments.kek)?;
    let mut recipients: Vec<_> = keys::borrowed(&spki).into_iter().map(Recipient::Device).collect();
    recipients.extend(keks.iter().map(|(name, kek)| Recipient::Shared(name.as_bytes(), kek)));

    let mut image = Vec::new();
    let read = progress::open(path).and_then(|mut file| file.read_to_end(&mut image));
    read.map_err(|error| Error::file(path, &error))?;
    if image.is_empty() {
        return Err(Error::because(path, Reason::ImageMismatch, "There is nothing to encrypt."));
    }
    let cipher = match arguments.cipher {
        Choice::A128gcm => Cipher::A128Gcm,
        Choice::A256gcm => Cipher::A256Gcm,
        Choice::A128ctr => Cipher::A128Ctr,
        Choice::A256ctr => Cipher::A256Ctr,
    };
    let made = encrypt(&soft::suite(), &OsEntropy, cipher, &recipients, &image);
    let made = made.map_err(|error| Error::infra(path, &error))?;
    file::write(&arguments.out, &made.payload, arguments.force)?;
    file::write(&arguments.info, &made.info, arguments.force)?;
    let children = vec![
        Node::leaf("ciphertext", made.payload.len().to_string()).meaning("bytes"),
        Node::leaf("encryption info", format!("{} bytes", made.info.len()))
            .meaning(arguments.info.display().to_string()),
        Node::leaf("recipients", recipients.len().to_string()),
    ];
    Ok(Node::new(arguments.out.display().to_string(), "", children).text())
}

fn named(text: &str) -> std::result::Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("write NAME=FILE")?;
    Ok((name.to_owned(), path.into()))
}
