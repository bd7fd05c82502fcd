//! `aseptic update key`.

use crate::error::{Error, Result};
use aseptic_core::crypto::{KeyAlg, PublicKey};
use aseptic_infra::AuthorityKey;
use clap::{Args, ValueEnum};
use pem::{EncodeConfig, LineEnding, Pem};
use std::path::PathBuf;

/// Make the key pair of an author of updates.
///
/// The private key goes into FILE (PKCS#8 in PEM, mode 0600); an existing file is never replaced. The public key is
/// printed as PEM: keep it for `aseptic update verify`, and put it into the manufacturer's trust store of the devices.
///
/// ML-DSA (FIPS 204) is verified by devices with an operating system; microcontrollers verify HSS/LMS, whose keys belong into
/// an HSM (SP 800-208): see `sign --message`.
///
/// Keys that OpenSSL makes serve as well, ML-DSA from version 3.5:
///   openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out author.key
///   openssl genpkey -algorithm ML-DSA-65 -out author.key
///   openssl pkey -in author.key -pubout -out author.pub
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    after_help = "Examples:\n  aseptic update key --out author.key > author.pub\n  \
                  aseptic update key --algorithm ml-dsa65 --out quantum.key > quantum.pub"
)]
pub(crate) struct Arguments {
    /// Where the private key goes
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What it signs with
    #[arg(long, value_enum, default_value = "p256")]
    algorithm: Algorithm,
}

/// By the names that trust stores use.
#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    P256,
    Ed25519,
    #[value(name = "ml-dsa44")]
    MlDsa44,
    #[value(name = "ml-dsa65")]
    MlDsa65,
    #[value(name = "ml-dsa87")]
    MlDsa87,
}

pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let fail = |error| Error::infra(&arguments.out, &error);
    let key = AuthorityKey::generate(match arguments.algorithm {
        Algorithm::P256 => KeyAlg::P256,
        Algorithm::Ed25519 => KeyAlg::Ed25519,
        Algorithm::MlDsa44 => KeyAlg::MlDsa44,
        Algorithm::MlDsa65 => KeyAlg::MlDsa65,
        Algorithm::MlDsa87 => KeyAlg::MlDsa87,
    })
    .map_err(fail)?;
    key.save(&arguments.out).map_err(fail)?;
    Ok(public_pem(key.public().map_err(fail)?))
}

/// The public key in PEM (RFC 7468 section 13).
fn public_pem(key: PublicKey<'_>) -> String {
    let block = Pem::new("PUBLIC KEY", key.spki().concat());
    pem::encode_config(&block, EncodeConfig::new().set_line_ending(LineEnding::LF)).trim_end().to_owned()
}
