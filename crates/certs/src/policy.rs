//! Whether a path is issued under a policy that the verifier requires (RFC 5280 section 6.1.5 (g), as far as it goes without
//! mappings).

use crate::certificate::Certificate;
use crate::constraints::{self, Controls};
use crate::der::{self, Reader};
use crate::oid;
use aseptic_core::{Reason, Result};

/// What a verifier wants of policies.
#[derive(Clone, Copy)]
pub(crate) struct Required<'a> {
    /// The policies of which one will do; empty for any.
    pub(crate) initial: &'a [&'a [u8]],
    /// Whether one must be there in any case.
    pub(crate) explicit: bool,
}

impl Required<'_> {
    pub(crate) const NOTHING: Self = Required { initial: &[], explicit: false };

    /// Refuses with [`Reason::PathConstraint`] a path that lacks a policy which is required, here or by `anchor`.
    ///
    /// Mappings are not followed: where a policy is required, a path with one is refused, since it might mean another policy
    /// than it names.
    pub(crate) fn check<'c>(
        &self,
        anchor: &Controls<'_>,
        path: impl Iterator<Item = Result<Certificate<'c>>> + Clone,
    ) -> Result<()> {
        let has = |wanted: &'static [u8]| {
            path.clone().try_fold(false, |found, certificate| {
                Ok::<bool, Reason>(found || certificate?.extensions.find(wanted).is_some())
            })
        };
        if !self.explicit && !anchor.explicit_policy && !has(oid::POLICY_CONSTRAINTS)? {
            return Ok(());
        }
        if has(oid::POLICY_MAPPINGS)? {
            return Err(Reason::PathConstraint);
        }
        // Whatever is valid at the end is named by some certificate; where all say anyPolicy, that is what is named.
        for certificate in path.clone() {
            for policy in policies(&certificate?)? {
                let any = !anchor.inhibit_any_policy;
                let wanted = match self.initial {
                    // In place of those that both sides want, if there are any.
                    initial if policy == oid::ANY_POLICY => {
                        any && (initial.is_empty() || initial.iter().any(|policy| anchor.wants(policy)))
                    }
                    [] => anchor.wants(policy),
                    initial => initial.contains(&policy) && anchor.wants(policy),
                };
                if wanted && everywhere(policy, any, path.clone())? {
                    return Ok(());
                }
            }
        }
        Err(Reason::PathConstraint)
    }
}

fn everywhere<'c>(policy: &[u8], any: bool, mut path: impl Iterator<Item = Result<Certificate<'c>>>) -> Result<bool> {
    path.try_fold(true, |all, certificate| {
        let listed = policies(&certificate?)?.any(|listed| listed == policy || any && listed == oid::ANY_POLICY);
        Ok(all && listed)
    })
}

/// The identifiers in certificatePolicies.
fn policies<'c>(certificate: &Certificate<'c>) -> Result<impl Iterator<Item = &'c [u8]> + use<'c>> {
    let content = match certificate.extensions.find(oid::CERTIFICATE_POLICIES) {
        Some(extension) => Reader::new(extension.value).read(der::SEQUENCE)?,
        None => &[],
    };
    Ok(constraints::policies(content))
}
