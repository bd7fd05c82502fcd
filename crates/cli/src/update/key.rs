//! `aseptic update key`.

use crate::error::{Error, Result};
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_infra::AuthorityKey;
use clap::Args;
use pem::{EncodeConfig, LineEnding, Pem};
use std::path::PathBuf;

/// Make the key pair of an author of updates.
///
/// The private key goes into FILE (PKCS#8 in PEM, mode 0600); an existing file is never replaced. The public key is
/// printed as PEM: keep it for `aseptic update verify`, and put it into the manufacturer's trust store of the devices.
///
/// Keys that OpenSSL makes serve as well:
///   openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out author.key
///   openssl pkey -in author.key -pubout -out author.pub
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = "Example:\n  aseptic update key --out author.key > author.pub")]
pub(crate) struct Arguments {
    /// Where the private key goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Ed25519 instead of P-256
    #[arg(long)]
    ed25519: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let fail = |error| Error::infra(&arguments.out, &error);
    let key = AuthorityKey::generate(if arguments.ed25519 { KeyAlg::Ed25519 } else { KeyAlg::P256 }).map_err(fail)?;
    key.save(&arguments.out).map_err(fail)?;
    Ok(public_pem(key.public().map_err(fail)?))
}

/// The public key in PEM (RFC 7468 section 13).
fn public_pem(key: PublicKey<'_>) -> String {
    let block = Pem::new("PUBLIC KEY", key.spki().concat());
    pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF)).trim_end().to_owned()
}
