//! Published suites of test vectors, run against the library.
//!
//! A suite is one file with one function and one line in [`SUITES`]. It reads cases from a folder or file and hands each
//! result to [`Report::case`]. What is known not to pass stands in `tests/conformance/<suite>.toml`, by id or by class,
//! with its reason; an excepted case that passes is a failure, so that no exception outlives its cause.

mod cose;

mod exceptions;

#[cfg(feature = "hosted")]
mod limbo;

mod lms;

#[cfg(feature = "hosted")]
mod mldsa;

#[cfg(feature = "hosted")]
mod pkits;

mod report;

mod suit;

mod wycheproof;

pub use exceptions::Exceptions;

pub use report::{Outcome, Report};

use base64::Engine;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Where the cases are.
#[derive(Clone, Debug)]
pub struct Source {
    /// The folder or file of the suite.
    pub path: PathBuf,
    /// The folder with its keys, for suites that keep them apart.
    pub keys: Option<PathBuf>,
}

/// A suite: reads the cases of a source and reports each.
pub type Suite = fn(&Source, &mut Report) -> Result<(), Error>;

/// Every suite by name.
pub const SUITES: &[(&str, Suite)] = &[
    ("cose", cose::run),
    #[cfg(feature = "hosted")]
    ("limbo", limbo::run),
    #[cfg(feature = "hosted")]
    ("limbo-compat", limbo::run_compat),
    ("lms", lms::run),
    #[cfg(feature = "hosted")]
    ("mldsa", mldsa::run),
    #[cfg(feature = "hosted")]
    ("pkits", pkits::run),
    ("suit", suit::run),
    ("wycheproof", wycheproof::run),
];

/// The class of every case whose algorithm, curve, key size or encoding the library does not have, beside the class that
/// names it.
const NOT_IN_SUITE: &str = "not in the suite";

/// Why a suite could not be run; a failing case is no error but part of the [`Report`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no suite of this name.
    #[error("there is no suite `{0}`; the suites are {names}", names = names())]
    UnknownSuite(String),
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}", path = .0.display(), cause = .1)]
    Unreadable(PathBuf, io::Error),
    /// A file does not have the shape of its suite.
    #[error("{path} has another shape: {detail}", path = .0.display(), detail = .1)]
    Shape(PathBuf, String),
    /// Nothing was found to run, which must not look like success.
    #[error("no case of the suite found in {path}", path = .0.display())]
    Empty(PathBuf),
}

/// Runs the suite with the exceptions of this repository.
pub fn run(suite: &str, source: &Source) -> Result<Report, Error> {
    let (_, cases) =
        SUITES.iter().find(|(name, _)| *name == suite).ok_or_else(|| Error::UnknownSuite(suite.to_owned()))?;
    let mut report = Report::new(Exceptions::of(suite)?);
    cases(source, &mut report)?;
    if report.is_empty() {
        return Err(Error::Empty(source.path.clone()));
    }
    Ok(report)
}

/// Runs Wycheproof with its exceptions on another suite than the soft one: what holds for one holds for all.
pub fn wycheproof_on(algorithms: &aseptic_core::crypto::Suite<'_>, source: &Source) -> Result<Report, Error> {
    let mut report = Report::new(Exceptions::of("wycheproof")?);
    wycheproof::run_on(algorithms, source, &mut report)?;
    if report.is_empty() { Err(Error::Empty(source.path.clone())) } else { Ok(report) }
}

/// The folder of published vectors: `ASEPTIC_VECTORS`, or `../shared/vectors` beside the repository; none if absent.
#[must_use]
pub fn vectors() -> Option<PathBuf> {
    let beside = || repository().join("../shared/vectors");
    let folder = std::env::var_os("ASEPTIC_VECTORS").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// The root of this repository.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every file below `root` (or `root` itself) whose name `wanted` likes, in the order of the paths.
pub fn files(root: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |cause| Error::Unreadable(path, cause)
    };
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(path) = open.pop() {
        if fs::metadata(&path).map_err(unreadable(&path))?.is_dir() {
            for entry in fs::read_dir(&path).map_err(unreadable(&path))? {
                open.push(entry.map_err(unreadable(&path))?.path());
            }
        } else if path.file_name().is_some_and(|name| wanted(&name.to_string_lossy())) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a JSON file, unpacked first if its name ends in `.gz`.
pub fn json(path: &Path) -> Result<Value, Error> {
    let file = BufReader::new(File::open(path).map_err(|cause| Error::Unreadable(path.to_owned(), cause))?);
    let packed = path.extension().is_some_and(|extension| extension == "gz");
    let reader: Box<dyn Read> = if packed { Box::new(flate2::read::GzDecoder::new(file)) } else { Box::new(file) };
    serde_json::from_reader(BufReader::new(reader)).map_err(|cause| Error::Shape(path.to_owned(), cause.to_string()))
}

/// The DER of the one PEM block in a file (RFC 7468).
fn pem(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (body, _) = rest.split_once("-----\n")?.1.split_once("-----END ")?;
    base64::engine::general_purpose::STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
}

fn names() -> String {
    SUITES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
