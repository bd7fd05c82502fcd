//! What came out of a suite.

use super::Exceptions;
use std::collections::BTreeMap;
use std::fmt;

/// What came out of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the suite says.
    Pass,
    /// Not as the suite says, and what happened instead.
    Fail(String),
    /// Not run, and why.
    Skip(String),
}

impl Outcome {
    /// The outcome of a case that must be refused, for whatever reason.
    pub fn refused<T: fmt::Debug, E>(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Fail(format!("accepted, must be refused: {value:02x?}")),
            Err(_) => Self::Pass,
        }
    }

    /// The outcome of a case that must give `wanted`.
    pub fn gives<T: fmt::Debug + PartialEq + ?Sized, E: fmt::Display>(result: Result<&T, E>, wanted: &T) -> Self {
        match result {
            Ok(value) if value == wanted => Self::Pass,
            Ok(value) => Self::Fail(format!("gives {value:02x?} instead of {wanted:02x?}")),
            Err(reason) => Self::Fail(reason.to_string()),
        }
    }
}

/// Counts of a suite, and a line for each case that failed.
#[derive(Debug, Default)]
pub struct Report {
    exceptions: Exceptions,
    passed: usize,
    failures: Vec<(String, String)>,
    skipped: BTreeMap<String, usize>,
    notes: BTreeMap<String, usize>,
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new(exceptions: Exceptions) -> Self {
        Self { exceptions, ..Self::default() }
    }

    /// Takes in one case. `classes` are the kinds of cases that it belongs to, as exceptions name them.
    pub fn case(&mut self, id: &str, classes: &[&str], outcome: Outcome) {
        let exception = self.exceptions.reason(id, classes);
        match (outcome, exception) {
            (Outcome::Fail(_), Some(reason)) => self.skip(reason.to_owned()),
            (Outcome::Pass, Some(reason)) => {
                let failure = format!("passes, so its exception is no longer needed: {reason}");
                self.failures.push((id.to_owned(), failure));
            }
            (Outcome::Pass, None) => self.passed += 1,
            (Outcome::Fail(failure), None) => self.failures.push((id.to_owned(), failure)),
            (Outcome::Skip(reason), _) => self.skip(reason),
        }
    }

    /// Counts something worth knowing that is neither pass nor failure.
    pub fn note(&mut self, what: &str) {
        *self.notes.entry(what.to_owned()).or_default() += 1;
    }

    /// Cases as the suite says.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.passed
    }

    /// Cases not as the suite says, without an exception.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failures.len()
    }

    /// Cases not run, or excepted.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.skipped.values().sum()
    }

    /// Whether there was no case at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.passed + self.failed() + self.skipped() == 0
    }

    fn skip(&mut self, reason: String) {
        *self.skipped.entry(reason).or_default() += 1;
    }
}

/// A line for each failing case, each note and each reason to skip; the counts come last.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, failure) in &self.failures {
            writeln!(f, "FAIL {id}: {failure}")?;
        }
        for (what, count) in &self.notes {
            writeln!(f, "note: {count} {what}")?;
        }
        for (reason, count) in &self.skipped {
            writeln!(f, "skip: {count} cases: {reason}")?;
        }
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed(), self.skipped())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let exceptions = "[[exception]]\nid = \"known\"\nreason = \"by id\"\n\
                          [[exception]]\nclass = \"AES-CCM\"\nreason = \"by class\"\n";
        Report::new(Exceptions::parse(exceptions).unwrap())
    }

    #[test]
    fn an_exception_turns_a_failure_into_a_skip_and_a_pass_into_a_failure() {
        let mut report = report();
        report.case("a", &[], Outcome::Pass);
        report.case("known", &[], Outcome::Fail("no".into()));
        report.case("b", &["P-521", "AES-CCM"], Outcome::Fail("no".into()));
        assert_eq!((report.passed(), report.failed(), report.skipped()), (1, 0, 2));
        report.case("known", &[], Outcome::Pass);
        report.case("c", &["AES-CCM"], Outcome::Pass);
        report.case("d", &["P-521"], Outcome::Fail("no".into()));
        report.case("e", &[], Outcome::Skip("not a message".into()));
        assert_eq!((report.passed(), report.failed(), report.skipped()), (1, 3, 3));
        let text = report.to_string();
        assert_eq!(text.lines().last(), Some("1 passed, 3 failed, 3 skipped"));
        assert!(text.starts_with("FAIL known: passes, so its exception is no longer needed: by id\n"));
    }
}
