//! The inner form of extensions that no view reads.

use crate::der::{self, Reader};
use aseptic_core::{Reason, Result};

/// NameConstraints with at least one subtree, none of whose DNS names starts with a period.
pub(super) fn constraints_in_form(value: &[u8]) -> Result<()> {
    let mut outer = Reader::new(value);
    let mut constraints = outer.nested(der::SEQUENCE)?;
    outer.end()?;
    if constraints.is_empty() {
        return Err(Reason::DerMalformed);
    }
    for tag in [der::context(0), der::context(1)] {
        let Some(content) = constraints.optional(tag)? else { continue };
        let mut subtrees = Reader::new(content);
        subtree(&mut subtrees)?;
        while !subtrees.is_empty() {
            subtree(&mut subtrees)?;
        }
    }
    constraints.end()
}

fn subtree(subtrees: &mut Reader<'_>) -> Result<()> {
    let base = subtrees.nested(der::SEQUENCE)?.any()?;
    let leading_period = base.tag == crate::name::DNS_NAME && base.content.first() == Some(&b'.');
    if leading_period { Err(Reason::DerMalformed) } else { Ok(()) }
}

pub(super) fn access_in_form(value: &[u8]) -> Result<()> {
    let mut outer = Reader::new(value);
    let mut list = outer.nested(der::SEQUENCE)?;
    outer.end()?;
    loop {
        let mut description = list.nested(der::SEQUENCE)?;
        description.oid()?;
        // A GeneralName: a context-specific tag.
        if description.any()?.tag & 0xC0 != 0x80 {
            return Err(Reason::DerMalformed);
        }
        description.end()?;
        if list.is_empty() {
            return Ok(());
        }
    }
}
