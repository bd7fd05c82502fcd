//! The audit log: one line of printable ASCII for each decision, each chained to all before it.

use aseptic_core::Reason;
use aseptic_hosted::crypto;
use std::fmt::{self, Write};
use std::net::SocketAddr;

/// What stands in the place of a hash before the first line.
pub(super) const GENESIS: [u8; 32] = [0; 32];

/// One line of the audit log; [`fmt::Display`] writes it as one line of printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Seconds since 1970.
    pub at: u64,
    /// Where the connection came from.
    pub from: SocketAddr,
    /// The serial number of the authenticated device; none where nobody authenticated.
    pub device: Option<String>,
    /// What was asked for: `handshake`, `connection` (one too many from an address), `request` (what is none), or the
    /// method and operation, cut off after 64 characters.
    pub operation: String,
    /// The HTTP status of the answer; none where it did not come to one.
    pub status: Option<u16>,
    /// Why it was not done, or done with a flag.
    pub reason: Option<Reason>,
    /// SHA-256 of the SubjectPublicKeyInfo that a certificate was asked for.
    pub thumbprint: Option<[u8; 32]>,
    /// The serial number of the certificate that was handed out.
    pub certificate: Option<Vec<u8>>,
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from={} device=", self.at, self.from)?;
        write_plain(f, self.device.as_deref().unwrap_or("-"))?;
        f.write_str(" op=")?;
        // One space stands between method and operation, and none in either.
        let (method, operation) = self.operation.split_once(' ').unwrap_or((&self.operation, ""));
        write_plain(f, method)?;
        if !operation.is_empty() {
            f.write_str(" ")?;
            write_plain(f, operation)?;
        }
        if let Some(status) = self.status {
            write!(f, " status={status}")?;
        }
        if let Some(reason) = self.reason {
            write!(f, " reason=E{} {}", reason.number(), reason.name())?;
        }
        if let Some(thumbprint) = &self.thumbprint {
            write!(f, " key={}", hex(thumbprint))?;
        }
        if let Some(certificate) = &self.certificate {
            write!(f, " certificate={}", hex(certificate))?;
        }
        Ok(())
    }
}

/// The line of what a person said of a request.
pub(super) fn decision(at: u64, by: &str, device: &str, id: &str, approve: bool) -> String {
    let what = if approve { "approve" } else { "reject" };
    format!("{at} by={} device={} op={what} request={id}", plain(by), plain(device))
}

/// The line of a serial number that is free again.
pub(super) fn release(at: u64, by: &str, device: &str) -> String {
    format!("{at} by={} device={} op=release", plain(by), plain(device))
}

/// The line of a copy of the store, which somebody has from then on.
pub(super) fn backup(at: u64, by: &str) -> String {
    format!("{at} by={} op=backup", plain(by))
}

/// The hash of a line and, through `last`, of all before it: SHA-256(last || line), without the line's end.
pub(super) fn chain(last: &[u8; 32], line: &str) -> aseptic_core::Result<[u8; 32]> {
    crypto::suite().sha256(&[last, line.as_bytes()])
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn plain(text: &str) -> String {
    let mut out = String::new();
    let _ = write_plain(&mut out, text);
    out
}

/// Whatever a peer sends, it begins no field and no line of its own.
fn write_plain(f: &mut impl Write, text: &str) -> fmt::Result {
    text.chars().try_for_each(|character| {
        if character.is_ascii_graphic() && character != '\\' {
            write!(f, "{character}")
        } else {
            write!(f, "{}", character.escape_unicode())
        }
    })
}
