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
///     [issuer.pumps]                 # the authority of the factory, by its key
///     keys = ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
///
///     [[rule]]                       # what was delivered in May, without asking
///     issuer = "pumps"
///     serials = ["PUMP-0001", "PUMP-02*"]
///     decision = "issue"
///     profile = "ward"
///
///     [[rule]]                       # any other device of this maker: a person looks first
///     issuer = "pumps"
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
    #[serde(default)]
    issuer: BTreeMap<String, Authorities>,
}

/// Authorities that rules call by one name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Authorities {
    /// SHA-256 of the SubjectPublicKeyInfo of each, in hexadecimal digits.
    keys: Vec<Thumbprint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Thumbprint([u8; 32]);

impl TryFrom<String> for Thumbprint {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        let digits = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        for (at, byte) in bytes.iter_mut().enumerate().filter(|_| digits) {
            *byte = text.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or_default();
        }
        if digits { Ok(Self(bytes)) } else { Err("a key is named by 64 hexadecimal digits") }
    }
}

/// One rule; what it leaves out fits every device.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// What the authorities are called, one of which issued the birth certificate.
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
    /// Reads rules. [`Reason::DescriptionInvalid`] for what is not understood, for a profile or an issuer that is not there, and
    /// for a profile of no days.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::new(Reason::DescriptionInvalid, what);
        let rules: Self = toml::from_str(text).map_err(|error| wrong(format!("reading the rules: {error}")))?;
        for name in rules.rule.iter().filter_map(|rule| rule.profile.as_ref()) {
            if !rules.profile.contains_key(name) {
                return Err(wrong(format!("looking for the profile {name:?} of a rule")));
            }
        }
        for name in rules.rule.iter().filter_map(|rule| rule.issuer.as_ref()) {
            if !rules.issuer.contains_key(name) {
                return Err(wrong(format!("looking for the issuer {name:?} of a rule, whose keys are to be listed")));
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
        let Some(rule) = self.rule.iter().find(|rule| self.fits(rule, applicant)) else {
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

    fn fits(&self, rule: &Rule, applicant: &Applicant<'_>) -> bool {
        let from = |name: &String| {
            let keys = self.issuer.get(name).map(|authorities| authorities.keys.as_slice()).unwrap_or_default();
            keys.contains(&Thumbprint(applicant.issuer.key))
        };
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => applicant.serial.starts_with(start),
            None => applicant.serial == pattern,
        };
        rule.issuer.as_ref().is_none_or(from) && rule.serials.as_ref().is_none_or(|serials| serials.iter().any(fits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::Issuer;

    const RULES: &str = r#"
        [issuer.maker]
        keys = [
            "0101010101010101010101010101010101010101010101010101010101010101",
            "ABababababababababababababababababababababababababababababababab",
        ]
        [[rule]]
        serials = ["PUMP-0666"]
        decision = "refuse"
        [[rule]]
        issuer = "maker"
        serials = ["PUMP-0001", "PUMP-02*"]
        decision = "issue"
        profile = "ward"
        [[rule]]
        issuer = "maker"
        decision = "approve"
        retry = 60
        [profile.ward]
        days = 90
        udi = false
    "#;

    fn applicant<'a>(issuer: &'a Issuer, serial: &'a str, renewal: bool) -> Applicant<'a> {
        Applicant { serial, issuer, thumbprint: &[0; 32], degraded: None, renewal }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_nobody_else_enrols() {
        let rules = Rules::parse(RULES).unwrap();
        let [maker, factory, other] = [1, 0xAB, 2].map(|byte| Issuer { name: "Maker".into(), key: [byte; 32] });
        let decide = |issuer, serial, renewal| rules.decide(&applicant(issuer, serial, renewal)).0;
        let wait = Decision::Wait { seconds: 60 };
        let cases = [
            (&maker, "PUMP-0001", false, Decision::Issue),
            (&factory, "PUMP-0255", false, Decision::Issue),
            (&maker, "PUMP-02", true, Decision::Issue),
            (&maker, "PUMP-00010", false, wait),
            (&maker, "PUMP-0003", false, wait),
            // Whoever was let in once renews without a person.
            (&maker, "PUMP-0003", true, Decision::Issue),
            (&maker, "PUMP-0666", true, Decision::Refuse),
            (&maker, "PUMP-0666", false, Decision::Refuse),
            // Who only calls himself so.
            (&other, "PUMP-0001", false, Decision::Refuse),
        ];
        for (issuer, serial, renewal, decision) in cases {
            assert_eq!(decide(issuer, serial, renewal), decision, "{issuer:?} {serial} {renewal}");
        }
        assert_eq!(rules.decide(&applicant(&maker, "PUMP-0001", false)).1, Profile { days: 90, udi: false });
        assert_eq!(Rules::parse("").unwrap().decide(&applicant(&maker, "PUMP-0001", false)).0, Decision::Refuse);
    }

    #[test]
    fn what_is_not_understood_is_no_rule() {
        let wrong = [
            "[[rule]]\ndecision = \"maybe\"",
            "[[rule]]\nserial = [\"PUMP-0001\"]\ndecision = \"issue\"",
            "[[rule]]\nissuer = \"maker\"\ndecision = \"issue\"",
            "[issuer.maker]\nkeys = [\"0101\"]",
            "[issuer.maker]\nname = \"Maker\"",
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
