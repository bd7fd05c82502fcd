//! `aseptic update create`.

use super::{Output, progress};
use crate::error::{Error, Result};
use crate::file;
use aseptic_core::Reason;
use aseptic_core::crypto::soft;
use aseptic_infra::author::{Description, Envelope};
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Make an envelope that nobody has signed yet, from a description and images.
///
/// The description is TOML; paths in it are relative to it:
///   vendor = "pumps.example"                # domain name of the maker
///   class = "infusion pump 2"               # name of the class of devices
///   sequence = 7                            # rises with each release
///   use-before = "2027-06-30T00:00:00Z"     # optional, as all that follows but the component
///   reference = "https://pumps.example/7"   # where more is found, for people
///   sbom = "pump-7.spdx.json"               # its SHA-256 is put into the text
///   invoke = ""                             # what the first component is told when it is started
///   severed = ["text"]                      # travels beside the manifest; also "install"
///   [text.en]
///   manifest = "Release 7 of the pump"
///   update = "Ends a delay of the air alarm."
///   [[component]]
///   id = ["main"]                           # "main" without it
///   file = "pump-7.bin"                     # the image as it is to lie in its slot
///   uri = "https://pumps.example/7.bin"     # where devices get it; "#name" puts it into the envelope
///   encryption = "pump-7.info"              # what `encrypt` made of the image: this, and
///   payload = "pump-7.enc"                  # this, which then is what devices get
///   [component.text.en]                     # vendor-name, model-name, vendor-domain, model-info, description, version
///   version = "7.0.1"
///   [[component]]
///   id = ["radio"]
///   slot.a = { file = "radio-a.bin", uri = "https://pumps.example/7-a.bin" }  # an image for each slot
///   slot.b = { file = "radio-b.bin", uri = "https://pumps.example/7-b.bin" }
///   [[component]]
///   id = ["calibration"]
///   file = "calibration.bin"
///   how = "write"                           # out of the manifest; "keep": copied from the slot that runs
///
/// The same description and files give the same bytes.
#[derive(Args)]
#[command(verbatim_doc_comment, after_help = "Example:\n  aseptic update create pump-7.toml --out pump-7.suit")]
pub(crate) struct Arguments {
    /// What is released, in TOML
    description: PathBuf,
    #[command(flatten)]
    out: Output,
}

pub(super) fn run(arguments: &Arguments) -> Result<String> {
    let path = &arguments.description;
    let fail = |error| Error::infra(path, &error);
    let text = String::from_utf8(file::read(path)?)
        .map_err(|_| Error::because(path, Reason::DescriptionInvalid, "The description is not text."))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let open = |named: &Path| -> aseptic_infra::Result<Box<dyn Read>> {
        let named = folder.join(named);
        progress::open(&named)
            .map(|file| Box::new(file) as Box<dyn Read>)
            .map_err(|error| aseptic_infra::Error::io(&error, format!("reading {}", named.display())))
    };
    let manifest = Description::parse(&text).and_then(|described| described.manifest(&soft::suite(), &open));
    let envelope = Envelope::unsigned(&soft::suite(), &manifest.map_err(fail)?).map_err(fail)?;
    arguments.out.write(&envelope)
}
