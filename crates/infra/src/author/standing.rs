//! How far an envelope has come on its way through those who must sign it.

use super::Envelope;
use crate::keys::algorithm_name;
use aseptic_core::cose::Sign1;
use aseptic_core::crypto::{KeyAlg, Suite};
use aseptic_core::trust::{Authority, Entry, Material, Purpose, Trust, TrustStore};
use aseptic_update::Role;
use aseptic_update::policy::Tally;

/// One role: how many keys it takes, which have signed, and which still can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose signatures it takes, for people.
    pub role: &'static str,
    /// What their keys are pinned for.
    pub purpose: Purpose,
    /// How many distinct keys must have signed.
    pub needed: usize,
    /// Whether one of them must be classical and one post-quantum.
    pub both_families: bool,
    /// The keys that have signed.
    pub signed: Vec<Pinned>,
    /// The keys that have not.
    pub others: Vec<Pinned>,
}

/// A key of a trust store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The name of its entry.
    pub name: String,
    /// What it signs with.
    pub algorithm: KeyAlg,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub thumbprint: [u8; 32],
    /// From when on its signatures no longer count, in seconds since 1970.
    pub retires: Option<u64>,
}

impl Standing {
    /// The roles that the stores of `trust` know for an update, with those that have signed in each: authors of releases
    /// first, approvers last. One without keys and without signatures is left out.
    pub(super) fn all(suite: &Suite<'_>, trust: &Trust<'_>, tally: &Tally) -> Vec<Self> {
        let authors = [("author of releases", Role::Release), ("author of security patches", Role::SecurityPatch)];
        let author = |(role, kind): (_, Role)| {
            let purpose = kind.purpose();
            Self::of(suite, trust, tally, (role, Authority::Manufacturer, purpose, purpose))
        };
        let mut standings: Vec<_> = authors.into_iter().filter_map(author).collect();
        // The owner is asked about what the manufacturer vouches for.
        let patch =
            tally.keys(Purpose::UpdateInstall).next().is_none() && tally.keys(Purpose::SecurityPatch).next().is_some();
        let about = if patch { Purpose::SecurityPatch } else { Purpose::UpdateInstall };
        standings.extend(Self::of(suite, trust, tally, ("approver", Authority::Owner, about, Purpose::UpdateApprove)));
        standings
    }

    /// One role of `authority`: how many keys pinned for `purpose` its store wants for `about`.
    fn of(
        suite: &Suite<'_>,
        trust: &Trust<'_>,
        tally: &Tally,
        (role, authority, about, purpose): (&'static str, Authority, Purpose, Purpose),
    ) -> Option<Self> {
        let store = trust.store(authority).ok()?;
        let quorum = store.quorums().find(|quorum| quorum.purpose == about);
        let (needed, both_families) = match quorum {
            Some(quorum) => (usize::from(quorum.keys), quorum.both_families),
            None => (usize::from(authority == Authority::Manufacturer), false),
        };
        let pinned = |entry: Entry<'_>| {
            let (algorithm, thumbprint) = match entry.material {
                Material::Key(key) => (key.alg(), key.thumbprint(suite).ok()?),
                Material::Thumbprint(alg, thumbprint) => (alg, *thumbprint),
                Material::Certificate(_) => return None,
            };
            let retires = store.retirements().find(|retirement| retirement.alg == algorithm);
            let name = String::from_utf8_lossy(entry.name).into_owned();
            Some(Pinned { name, algorithm, thumbprint, retires: retires.map(|retirement| retirement.at) })
        };
        let all = store.entries().filter(|entry| entry.purposes.contains(purpose)).filter_map(pinned);
        let has_signed = |key: &Pinned| tally.keys(purpose).any(|(_, thumbprint)| *thumbprint == key.thumbprint);
        let (signed, others): (Vec<_>, Vec<_>) = all.partition(has_signed);
        let empty = signed.is_empty() && (others.is_empty() || needed == 0);
        (!empty).then_some(Self { role, purpose, needed, both_families, signed, others })
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let families = if self.both_families { " of both families" } else { "" };
        let others = match self.others.as_slice() {
            [] => String::new(),
            others => format!("; not by {}", names(others)),
        };
        let signed = if self.signed.is_empty() { "nobody".to_owned() } else { names(&self.signed) };
        let counted = self.signed.len();
        format!("{}: {counted} of {} keys{families}, by {signed}{others}", self.role, self.needed)
    }
}

fn names(keys: &[Pinned]) -> String {
    let name = |key: &Pinned| {
        let thumbprint: String = key.thumbprint.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let retires = key.retires.map(|at| format!(", until {at}")).unwrap_or_default();
        format!("{} ({}, {thumbprint}{retires})", key.name, algorithm_name(key.algorithm))
    };
    keys.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A line for each signature: whose it is, as far as the device knows.
pub(super) fn signatures(suite: &Suite<'_>, bytes: &[u8], trust: &Trust<'_>) -> Vec<String> {
    let Ok(envelope) = Envelope::parse(bytes) else { return Vec::new() };
    let stores = [Authority::Manufacturer, Authority::Owner].into_iter().filter_map(|who| trust.store(who).ok());
    let entries: Vec<_> = stores.flat_map(TrustStore::entries).collect();
    let known = |block: &[u8]| {
        let message = Sign1::parse(block).ok()?;
        let by = |entry: &&Entry<'_>| {
            let purpose = Purpose::ALL.into_iter().find(|purpose| entry.purposes.contains(*purpose));
            let verified =
                purpose.map(|purpose| trust.verify_sign1(suite, purpose, &message, &[], Some(envelope.signed_bytes())));
            verified.is_some_and(|peer| peer.is_ok_and(|peer| peer.name() == entry.name))
        };
        entries.iter().find(by)
    };
    let line = |(index, block): (usize, &[u8])| match known(block) {
        Some(entry) => {
            let purposes = Purpose::ALL.into_iter().filter(|purpose| entry.purposes.contains(*purpose));
            let purposes: Vec<_> = purposes.map(|purpose| format!("{purpose:?}")).collect();
            let name = String::from_utf8_lossy(entry.name);
            let algorithm = match entry.material {
                Material::Key(key) => algorithm_name(key.alg()),
                Material::Thumbprint(alg, _) => algorithm_name(alg),
                Material::Certificate(_) => "",
            };
            format!("{index}: verifies, by {name} ({}), {algorithm}", purposes.join(", "))
        }
        None => format!("{index}: by nobody whom the device knows"),
    };
    envelope.blocks().enumerate().map(line).collect()
}
