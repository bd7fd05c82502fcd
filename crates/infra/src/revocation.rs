//! Certificate revocation lists of an authority (RFC 5280 section 5): complete, signed by the key of its certificates.
//!
//! ```
//! use aseptic_infra::ca::{Ca, Validity};
//! use aseptic_infra::revocation::{Revoked, RevocationList};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let now = 1_780_000_000;
//! let ca = Ca::new("Hospital root", Validity::years(now, 20)?)?;
//! let lost = Revoked { serial: &[0x4D, 0x17], since: now };
//! let week = Validity::days(now, 7)?;
//! let list = ca.revocation_list(&RevocationList { number: 1, validity: week, revoked: &[lost] })?;
//! assert_eq!(list.first(), Some(&0x30));
//! # Ok(())
//! # }
//! ```

use crate::ca::{Ca, Validity, date, engine};
use crate::error::While;
use crate::{Error, Result};
use aseptic_certs::crl::Scanner;
use aseptic_core::Reason;
use aseptic_hosted::crypto::suite;
use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber};

/// What a list says.
#[derive(Clone, Copy, Debug)]
pub struct RevocationList<'a> {
    /// Its cRLNumber: higher than that of every list before. Devices keep the highest and take no list below it.
    pub number: u64,
    /// When it is made, and when the next one is due.
    pub validity: Validity,
    /// The certificates that are revoked: all of them, each time.
    pub revoked: &'a [Revoked<'a>],
}

/// A certificate that is no longer good.
#[derive(Clone, Copy, Debug)]
pub struct Revoked<'a> {
    /// Its serial number, as [`Certificate::serial`](aseptic_certs::Certificate::serial) has it.
    pub serial: &'a [u8],
    /// Since when, in seconds since 1970.
    pub since: u64,
}

impl Ca {
    /// Issues a list (DER). It is read and verified with the code of the devices before it is handed out.
    ///
    /// [`Reason::CrlMalformed`] for a serial number that no certificate has, and two of the same.
    pub fn revocation_list(&self, list: &RevocationList<'_>) -> Result<Vec<u8>> {
        let mut serials: Vec<&[u8]> = list.revoked.iter().map(|entry| entry.serial).collect();
        serials.sort_unstable();
        let positive = |serial: &&[u8]| matches!(serial, [first, ..] if first & 0x80 == 0 && serial.len() <= 20);
        if !serials.iter().all(positive) || serials.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::new(Reason::CrlMalformed, "reading the serial numbers to revoke"));
        }
        let own = self.parsed()?;
        let unnamed = || Error::new(Reason::CertificateProfile, "naming the key that signs a list");
        let key_id = own.extensions.subject_key_id.ok_or_else(unnamed)?;
        let revoked = list.revoked.iter().map(|entry| {
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(entry.serial),
                revocation_time: date(entry.since)?,
                reason_code: None,
                invalidity_date: None,
            })
        });
        let params = CertificateRevocationListParams {
            this_update: date(list.validity.not_before())?,
            next_update: date(list.validity.not_after())?,
            crl_number: list.number.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect::<Result<_>>()?,
            key_identifier_method: KeyIdMethod::PreSpecified(key_id.to_vec()),
        };
        let der = params.signed_by(&self.issuer()?).map_err(engine)?.der().to_vec();
        self.reads(&der, &serials).during("reading the list as a device does")?;
        Ok(der)
    }

    /// Whether a device finds on the list what is to be there.
    fn reads(&self, der: &[u8], serials: &[&[u8]]) -> aseptic_core::Result<()> {
        let (suite, issuer) = (suite(), aseptic_certs::Certificate::parse(self.certificate())?);
        let wanted = serials.get(..serials.len().min(1)).unwrap_or_default();
        let mut scanner = Scanner::<1024>::new(wanted)?;
        scanner.feed(&suite, der)?;
        let evidence = scanner.scanned()?.verify(&suite, &issuer, None)?;
        let found = usize::try_from(evidence.entries) == Ok(serials.len());
        let listed = wanted.iter().all(|serial| evidence.revoked(serial).is_ok_and(|date| date.is_some()));
        if found && listed { Ok(()) } else { Err(Reason::Internal) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_that_no_certificate_has_are_refused() {
        let now = 1_780_000_000;
        let ca = Ca::new("Root", Validity::years(now, 20).unwrap()).unwrap();
        let issue = |serials: &[&[u8]]| {
            let revoked: Vec<_> = serials.iter().map(|serial| Revoked { serial, since: now }).collect();
            let validity = Validity::days(now, 7).unwrap();
            ca.revocation_list(&RevocationList { number: 1, validity, revoked: &revoked })
                .map_err(|error| error.reason())
        };
        let good: [&[&[u8]]; 4] = [&[], &[&[1]], &[&[0, 0x80], &[1]], &[&[0x7F; 20]]];
        for good in good {
            assert!(issue(good).is_ok(), "{good:?}");
        }
        let bad: [&[&[u8]]; 4] = [&[&[]], &[&[0x80]], &[&[1; 21]], &[&[1], &[2], &[1]]];
        for bad in bad {
            assert_eq!(issue(bad), Err(Reason::CrlMalformed), "{bad:?}");
        }
    }
}
