//! Cases that are known not to pass, as data with a reason.

use super::{Error, repository};
use serde::Deserialize;
use std::fs;
use std::io::ErrorKind;

/// The exceptions of one suite.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exceptions {
    #[serde(default, rename = "exception")]
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Option<String>,
    class: Option<String>,
    reason: String,
}

impl Exceptions {
    /// Those in `tests/conformance/<suite>.toml`; none if there is no such file.
    pub fn of(suite: &str) -> Result<Self, Error> {
        let path = repository().join("tests/conformance").join(suite).with_extension("toml");
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text).map_err(|detail| Error::Shape(path, detail)),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(cause) => Err(Error::Unreadable(path, cause)),
        }
    }

    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let exceptions: Self = toml::from_str(text).map_err(|cause| cause.to_string())?;
        for entry in &exceptions.entries {
            if entry.id.is_some() == entry.class.is_some() {
                return Err("an exception has an id or a class, and not both".to_owned());
            }
            if entry.reason.trim().is_empty() {
                return Err("an exception has a reason".to_owned());
            }
        }
        Ok(exceptions)
    }

    /// Why this case need not pass, if it need not.
    pub(super) fn reason(&self, id: &str, classes: &[&str]) -> Option<&str> {
        let applies = |entry: &&Entry| {
            entry.id.as_deref() == Some(id) || entry.class.as_deref().is_some_and(|class| classes.contains(&class))
        };
        self.entries.iter().find(applies).map(|entry| entry.reason.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_without_reason_or_with_two_names_is_refused() {
        assert!(Exceptions::parse("[[exception]]\nid = \"a\"\nreason = \" \"\n").is_err());
        assert!(Exceptions::parse("[[exception]]\nid = \"a\"\nclass = \"b\"\nreason = \"c\"\n").is_err());
        assert!(Exceptions::parse("[[exception]]\nreason = \"c\"\n").is_err());
        assert!(Exceptions::parse("[[excepted]]\nid = \"a\"\n").is_err());
    }

    #[test]
    fn every_file_of_exceptions_can_be_read() {
        for (suite, _) in super::super::SUITES {
            Exceptions::of(suite).unwrap();
        }
    }
}
