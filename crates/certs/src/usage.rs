//! What a purpose asks of key usages.

use crate::certificate::{Certificate, KeyUsage};
use crate::oid;
use crate::profile::{Difference, Profile, Value};
use aseptic_core::trust::Purpose;
use core::result::Result;
use webpki::{Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter};

/// What the purpose asks of key usages.
pub(crate) struct Usage {
    /// The extended key usages of which one must be listed where the extension is.
    extended: &'static [&'static [u8]],
    /// Whether the leaf must have the extension.
    required: bool,
    /// Whether anyExtendedKeyUsage stands for all of them.
    any: bool,
    /// What keyUsage must allow where the extension is.
    key: KeyUsage,
}

impl Usage {
    pub(crate) const fn of(purpose: Purpose, profile: &Profile) -> Self {
        let (extended, required): (&[&[u8]], bool) = match purpose {
            Purpose::Enrolment | Purpose::Network => (&[oid::SERVER_AUTH], true),
            Purpose::UpdateInstall | Purpose::SecurityPatch | Purpose::Downgrade => {
                (&[oid::CODE_SIGNING, oid::UPDATE_PACKAGE_SIGNING], true)
            }
            _ => (&[oid::CLIENT_AUTH], false),
        };
        let key = match purpose {
            Purpose::Receive => KeyUsage::KEY_AGREEMENT,
            _ => KeyUsage::DIGITAL_SIGNATURE,
        };
        Self { extended, required: required && profile.strict_usage, any: !profile.strict_usage, key }
    }

    /// Whether the leaf may be used so; if not, the field and what is wrong with it.
    pub(crate) fn admits<'c>(&self, leaf: &Certificate<'c>) -> Result<(), (&'static str, Difference<'c>)> {
        let (listed, found) = match leaf.extensions.extended_key_usage {
            Some(list) => (
                self.extended.iter().any(|oid| list.contains(oid)) || self.any && list.contains(oid::ANY_USAGE),
                list.iter().next().map_or(Value::Absent, Value::Bytes),
            ),
            None => (!self.required, Value::Absent),
        };
        if !listed {
            let wanted = self.extended.first().map_or(Value::Absent, |oid| Value::Bytes(oid));
            return Err(("extKeyUsage", Difference { wanted, found }));
        }
        match leaf.extensions.key_usage {
            Some(usage) if !usage.contains(self.key) => {
                let shown = |usage: KeyUsage| Value::Number(u64::from(usage.bits()));
                Err(("keyUsage", Difference { wanted: shown(self.key), found: shown(usage) }))
            }
            _ => Ok(()),
        }
    }
}

/// webpki asks this for every certificate of the path, so that a CA restricted to one usage cannot give another.
impl ExtendedKeyUsageValidator for &Usage {
    fn validate(&self, listed: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let mut absent = true;
        for usage in listed {
            let usage = usage?;
            absent = false;
            if self.extended.iter().any(|oid| usage == KeyPurposeId::new(oid))
                || self.any && usage == KeyPurposeId::new(oid::ANY_USAGE)
            {
                return Ok(());
            }
        }
        if absent { Ok(()) } else { Err(EKU_NOT_FOUND) }
    }
}

/// The one with a context has fields or none, as webpki's feature `alloc` is on or off in a build.
#[expect(deprecated, reason = "the other one cannot be built in both cases")]
pub(crate) const EKU_NOT_FOUND: Error = Error::RequiredEkuNotFound;
