//! The folder of a registrar, and its settings.

use crate::error::{Error, Result};
use crate::file;
use aseptic_core::Reason;
use aseptic_infra::registrar::{Attributes, Limits};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What stands in the folder of a registrar.
pub(super) struct Folder<'f>(pub(super) &'f Path);

impl Folder<'_> {
    pub(super) fn settings(&self) -> PathBuf {
        self.0.join("registrar.toml")
    }

    pub(super) fn rules(&self) -> PathBuf {
        self.0.join("rules.toml")
    }

    /// The issuing authority.
    pub(super) fn ca(&self) -> PathBuf {
        self.0.join("ca")
    }

    /// The root, until it is taken to a safe place.
    pub(super) fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    pub(super) fn tls_key(&self) -> PathBuf {
        self.0.join("tls.key")
    }

    /// The maker's trust store.
    pub(super) fn maker(&self) -> PathBuf {
        self.0.join("maker.trust")
    }

    pub(super) fn store(&self) -> PathBuf {
        self.0.join("registrar.redb")
    }

    pub(super) fn control(&self) -> PathBuf {
        self.0.join("control")
    }
}

/// registrar.toml.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The DNS name that devices connect to.
    pub(super) name: String,
    pub(super) listen: String,
    #[serde(default)]
    pub(super) proof_of_possession: bool,
    #[serde(default)]
    pub(super) anonymous_cacerts: bool,
    #[serde(default)]
    pub(super) danger_legacy_tls12: bool,
    #[serde(default)]
    csrattrs: Form,
    #[serde(default)]
    limits: Bounds,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    #[default]
    None,
    List,
    Template,
}

/// What of [`Limits`] is set.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Bounds {
    connections: Option<usize>,
    per_address: Option<usize>,
    handshakes: Option<u32>,
    requests: Option<u32>,
}

impl Settings {
    pub(super) fn load(folder: &Folder<'_>) -> Result<Self> {
        let path = folder.settings();
        let invalid = |cause: String| Error::because(&path, Reason::DescriptionInvalid, &cause);
        let text = String::from_utf8(file::read(&path)?).map_err(|_| invalid("The settings are not text.".into()))?;
        // A parser's picture of the place has lines of its own.
        let plain = |error: toml::de::Error| invalid(format!("{}.", error.message()));
        toml::from_str(&text).map_err(plain)
    }

    pub(super) fn limits(&self) -> Limits {
        let (set, usual) = (self.limits, Limits::default());
        Limits {
            connections: set.connections.unwrap_or(usual.connections),
            per_address: set.per_address.unwrap_or(usual.per_address),
            handshakes: set.handshakes.unwrap_or(usual.handshakes),
            requests: set.requests.unwrap_or(usual.requests),
            ..usual
        }
    }

    pub(super) const fn attributes(&self) -> Attributes {
        match self.csrattrs {
            Form::None => Attributes::None,
            Form::List => Attributes::List,
            Form::Template => Attributes::Template,
        }
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
