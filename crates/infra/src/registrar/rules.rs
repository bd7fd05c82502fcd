//! Who may enrol as what, as a hospital writes it down (TOML).

use super::{Applicant, Decision};
use crate::{Error, Result};
use aseptic_core::Reason;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Seconds after which a device that waits for a person asks again, if the rule does not say: one hour.
const RETRY: u32 = 3600;
/// Days that a certificate is valid, if the profile does not say.
const DAYS: u64 = 365;

/// The rules of a hospital. The first rule that fits a device decides; a device that none fits gets nothing.
///
/// ```
/// use aseptic_infra::registrar::Rules;
///
/// let rules = Rules::parse(r#"
///     [[rule]]                       # what was delivered in May, without asking
///     issuer = "Pumps Example Factory"
///     serials = ["PUMP-0001", "PUMP-02*"]
///     decision = "issue"
///     profile = "ward"
///
///     [[rule]]                       # any other device of this maker: a person looks first
///     issuer = "Pumps Example Factory"
///     decision = "approve"
///     retry = 600
///
///     [profile.ward]
///     days = 90
/// "#)?;
/// # let _ = rules;
/// # Ok::<(), aseptic_infra::Error>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    #[serde(default)]
    rule: Vec<Rule>,
    #[serde(default)]
    profile: BTreeMap<String, Profile>,
}

/// One rule; what it leaves out fits every device.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// commonName of whoever issued the birth certificate.
    issuer: Option<String>,
    /// Serial numbers; one that ends with `*` fits all that begin so.
    serials: Option<Vec<String>>,
    decision: Word,
    /// What is decided for a device that renews what it has; `issue` unless the rule refuses.
    renewal: Option<Word>,
    profile: Option<String>,
    retry: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Issue,
    Approve,
    Refuse,
}

/// What certificates are issued by a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Profile {
    /// For how many days they are valid; never longer than the authority.
    pub days: u64,
    /// Whether the UDI of the birth certificate goes into them.
    pub udi: bool,
}

impl Default for Profile {
    fn default() -> Self {
        Self { days: DAYS, udi: true }
    }
}

impl Rules {
    /// Reads rules. [`Reason::DescriptionInvalid`] for what is not understood, for a profile that is not there, and for one
    /// of no days.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(Reason::DescriptionInvalid, what);
        let rules: Self = toml::from_str(text).map_err(|error| wrong(format!("reading the rules: {error}")))?;
        for name in rules.rule.iter().filter_map(|rule| rule.profile.as_ref()) {
            if !rules.profile.contains_key(name) {
                return Err(wrong(format!("looking for the profile {name:?} of a rule")));
            }
        }
        match rules.profile.iter().find(|(_, profile)| profile.days == 0) {
            Some((name, _)) => Err(wrong(format!("reading the days of the profile {name:?}"))),
            None => Ok(rules),
        }
    }

    /// What they say of a device, and which certificate it would get.
    #[must_use]
    pub fn decide(&self, applicant: &Applicant<'_>) -> (Decision, Profile) {
        let Some(rule) = self.rule.iter().find(|rule| rule.fits(applicant)) else {
            return (Decision::Refuse, Profile::default());
        };
        let profile = rule.profile.as_ref().and_then(|name| self.profile.get(name)).copied().unwrap_or_default();
        let renewal = rule.renewal.unwrap_or(if rule.decision == Word::Refuse { Word::Refuse } else { Word::Issue });
        let decision = match if applicant.renewal { renewal } else { rule.decision } {
            Word::Issue => Decision::Issue,
            Word::Approve => Decision::Wait { seconds: rule.retry.unwrap_or(RETRY) },
            Word::Refuse => Decision::Refuse,
        };
        (decision, profile)
    }
}

impl Rule {
    fn fits(&self, applicant: &Applicant<'_>) -> bool {
        let issuer = self.issuer.as_deref().is_none_or(|issuer| issuer == applicant.issuer);
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => applicant.serial.starts_with(start),
            None => applicant.serial == pattern,
        };
        issuer && self.serials.as_ref().is_none_or(|serials| serials.iter().any(fits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [[rule]]
        serials = ["PUMP-0666"]
        decision = "refuse"
        [[rule]]
        issuer = "Maker"
        serials = ["PUMP-0001", "PUMP-02*"]
        decision = "issue"
        profile = "ward"
        [[rule]]
        issuer = "Maker"
        decision = "approve"
        retry = 60
        [profile.ward]
        days = 90
        udi = false
    "#;

    fn applicant<'a>(issuer: &'a str, serial: &'a str, renewal: bool) -> Applicant<'a> {
        Applicant { serial, issuer, thumbprint: &[0; 32], degraded: None, renewal }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_nobody_else_enrols() {
        let rules = Rules::parse(RULES).unwrap();
        let decide = |issuer, serial, renewal| rules.decide(&applicant(issuer, serial, renewal)).0;
        let wait = Decision::Wait { seconds: 60 };
        let cases = [
            ("Maker", "PUMP-0001", false, Decision::Issue),
            ("Maker", "PUMP-0255", false, Decision::Issue),
            ("Maker", "PUMP-02", true, Decision::Issue),
            ("Maker", "PUMP-00010", false, wait),
            ("Maker", "PUMP-0003", false, wait),
            // Whoever was let in once renews without a person.
            ("Maker", "PUMP-0003", true, Decision::Issue),
            ("Maker", "PUMP-0666", true, Decision::Refuse),
            ("Maker", "PUMP-0666", false, Decision::Refuse),
            ("Other", "PUMP-0001", false, Decision::Refuse),
        ];
        for (issuer, serial, renewal, decision) in cases {
            assert_eq!(decide(issuer, serial, renewal), decision, "{issuer} {serial} {renewal}");
        }
        assert_eq!(rules.decide(&applicant("Maker", "PUMP-0001", false)).1, Profile { days: 90, udi: false });
        assert_eq!(Rules::parse("").unwrap().decide(&applicant("Maker", "PUMP-0001", false)).0, Decision::Refuse);
    }

    #[test]
    fn what_is_not_understood_is_no_rule() {
        let wrong = [
            "[[rule]]\ndecision = \"maybe\"",
            "[[rule]]\nserial = [\"PUMP-0001\"]\ndecision = \"issue\"",
            "[[rule]]\nissuer = \"Maker\"",
            "[[rule]]\ndecision = \"issue\"\nprofile = \"none\"",
            "[profile.ward]\ndays = 0",
            "[profile.ward]\ndays = -1",
            "rule = 3",
        ];
        for text in wrong {
            assert_eq!(Rules::parse(text).unwrap_err().reason(), Reason::DescriptionInvalid, "{text}");
        }
    }
}
