//! Countersignatures (RFC 9338): who carried a message, proven without opening it.
//!
//! A relay signs what passes it and adds its signature to the unprotected headers, where nothing that the sender or the
//! recipient checks can see it: the message opens as before, under the same number. Whoever holds the message later reads
//! from it whose hands it went through ([`Countersigned`]), with no key to its content.
//!
//! What a countersignature says: the holder of this key had this message, with this header, this content and, of a
//! COSE_Sign1 or a COSE_Mac, this signature or code. What it does not say:
//!
//! * The order of the hops, unless their claims (RFC 9597) name a time. Each hop signs the message and not the other hops.
//! * That nobody else carried it. Anyone on the way may take hops out; nobody can make one up or move it to another message.
//! * Which recipients a COSE_Encrypt had: they stand beside what is signed. The signature inside the message names them.
//! * Whether the sender is genuine. That is the business of [`Opener`](crate::Opener).
//!
//! Written are the forms of RFC 9338 (labels 11 and 12). The forms of RFC 8152 (labels 7 and 9) are read: over a COSE_Sign1
//! or a COSE_Mac they leave the signature or code out, which is why they were replaced.

use aseptic_core::cbor::{Key, Reader, Rules, Type, Writer};
use aseptic_core::cose::{CoseAlg, Header, Headers, Signer, Structure};
use aseptic_core::crypto::{PublicKey, Suite};
use aseptic_core::{Reason, Result, limits};

/// How a countersignature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With headers of its own; label 11.
    Full,
    /// The signature alone, of a signer that the verifier knows from elsewhere; label 12.
    Abbreviated,
    /// Full, after RFC 8152: read only; label 7.
    FullV1,
    /// Abbreviated, after RFC 8152: read only; label 9.
    AbbreviatedV1,
}

impl Form {
    const ALL: [Self; 4] = [Self::Full, Self::Abbreviated, Self::FullV1, Self::AbbreviatedV1];

    const fn label(self) -> i64 {
        match self {
            Self::Full => 11,
            Self::Abbreviated => 12,
            Self::FullV1 => 7,
            Self::AbbreviatedV1 => 9,
        }
    }

    const fn full(self) -> bool {
        matches!(self, Self::Full | Self::FullV1)
    }
}

/// A COSE message as received, seen by somebody who need not be able to open it.
///
/// Also a single layer, without tag: a signature of a COSE_Sign or a recipient, which may be countersigned too.
#[derive(Clone, Copy, Debug)]
pub struct Countersigned<'a> {
    /// Everything before the unprotected map, the map, and everything behind it.
    parts: [&'a [u8]; 3],
    protected: &'a [u8],
    payload: &'a [u8],
    /// The signature or authentication code.
    other: Option<&'a [u8]>,
    /// What stands under the label of each of [`Form::ALL`].
    found: [Option<&'a [u8]>; 4],
}

/// A countersignature as received. Nothing in it is proven before [`Countersignature::verify`].
#[derive(Clone, Copy, Debug)]
pub struct Countersignature<'a> {
    /// How it is written.
    pub form: Form,
    /// Its header parameters; none if it is abbreviated.
    pub header: Header<'a>,
    signature: &'a [u8],
    target: Countersigned<'a>,
}

impl<'a> Countersigned<'a> {
    /// Reads a message of any type that fills `message`, with at most [`limits::COSE_LAYERS`] countersignatures of a form.
    ///
    /// [`Reason::CoseMalformed`] if its payload travels apart.
    pub fn parse(message: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(message, Rules::Received);
        if reader.peek()? == Type::Tag {
            reader.tag()?;
        }
        // Both header maps and one string at least (COSE_Encrypt0), five fields at most (COSE_Mac).
        let fields = reader.array()?;
        if !(3..=5).contains(&fields) {
            return Err(Reason::CoseMalformed);
        }
        let protected = Header::read(&mut reader.clone())?.protected;
        reader.bytes()?;
        let from_map = reader.rest();
        let map = reader.raw()?;
        let behind = reader.rest();
        let payload = if reader.null() { return Err(Reason::CoseMalformed) } else { reader.bytes()? };
        let mut other = None;
        for _ in 3..fields {
            match reader.peek()? {
                Type::Bytes if other.is_none() => other = Some(reader.bytes()?),
                Type::Array => drop(reader.raw()?),
                _ => return Err(Reason::CoseMalformed),
            }
        }
        reader.end()?;
        let before = message.strip_suffix(from_map).ok_or(Reason::Internal)?;
        let read = Self { parts: [before, map, behind], protected, payload, other, found: find(map)? };
        for form in Form::ALL {
            read.list(form)?.try_for_each(|one| one.map(drop))?;
        }
        Ok(read)
    }

    /// The countersignatures, those of RFC 9338 first.
    pub fn countersignatures(&self) -> impl Iterator<Item = Countersignature<'a>> + use<'a> {
        let target = *self;
        Form::ALL.into_iter().filter_map(move |form| target.list(form).ok()).flatten().flatten()
    }

    /// The countersignatures of one form.
    fn list(self, form: Form) -> Result<impl Iterator<Item = Result<Countersignature<'a>>> + use<'a>> {
        let (mut reader, count) = items(form, self.found(form))?;
        Ok((0..count).map(move |_| {
            let header = if form.full() {
                reader.array_exact(3)?;
                Header::read(&mut reader)?
            } else {
                Header::default()
            };
            Ok(Countersignature { form, header, signature: reader.bytes()?, target: self })
        }))
    }

    fn found(&self, form: Form) -> Option<&'a [u8]> {
        Form::ALL.iter().zip(self.found).find(|(other, _)| **other == form).and_then(|(_, found)| found)
    }

    /// What is signed. `layer` is the protected header of a full countersignature.
    fn structure<'s>(&'s self, form: Form, layer: &'s [u8], aad: &'s [u8]) -> Structure<'s> {
        let (context, other) = match (form, self.other) {
            (Form::Full, Some(other)) => ("CounterSignatureV2", Some(other)),
            (Form::Abbreviated, Some(other)) => ("CounterSignature0V2", Some(other)),
            (Form::Full | Form::FullV1, _) => ("CounterSignature", None),
            (Form::Abbreviated | Form::AbbreviatedV1, _) => ("CounterSignature0", None),
        };
        // RFC 8152 section 4.4 leaves the field out for COSE_Sign1 alone, RFC 9338 section 3.3 for abbreviated ones too.
        let layer = (form != Form::Abbreviated).then_some(layer);
        Structure { context, body: self.protected, layer, aad, payload: self.payload, other }
    }

    /// Writes the message with `value` as the last entry of its unprotected map, in place of what stood under the label.
    fn write(&self, form: Form, value: impl FnOnce(&mut Writer<'_>), out: &mut [u8]) -> Result<usize> {
        let [before, map, behind] = self.parts;
        let (mut writer, mut reader) = (Writer::new(out), Reader::new(map, Rules::Received));
        let mut entries = reader.map()?;
        let replaced = usize::from(self.found(form).is_some());
        writer.raw(before).map(entries.left().saturating_add(1).saturating_sub(replaced));
        loop {
            let entry = reader.rest();
            let Some(key) = entries.next(&mut reader)? else { break };
            reader.raw()?;
            if key != Key::Int(form.label()) {
                writer.raw(entry.strip_suffix(reader.rest()).ok_or(Reason::Internal)?);
            }
        }
        value(writer.int(form.label()));
        writer.raw(behind);
        writer.finish().map(|written| written.len())
    }
}

impl Countersignature<'_> {
    /// Verifies with `key`, which must be the one that the countersignature names an algorithm of; an abbreviated one names
    /// none. Whose key that is, and who should have carried the message, is the caller's to know.
    pub fn verify(&self, suite: &Suite<'_>, key: PublicKey<'_>, aad: &[u8]) -> Result<()> {
        if self.form.full() {
            self.header.signed_with(key)?;
        }
        let structure = self.target.structure(self.form, self.header.protected, aad);
        structure.with(|message| suite.verify(key, message, self.signature))
    }
}

/// Writes `message` into `out` with a full countersignature more, and gives the new length.
///
/// The message is not opened, and all of it but the list of hops stays as it is. Name the signer in the kid of `headers`;
/// a time, if the relay knows it, is a claim (label 6 of RFC 8392). Some 80 bytes and the headers are added for each hop.
/// [`Reason::TooLarge`] where there are [`limits::COSE_LAYERS`] already.
pub fn countersign(
    signer: &dyn Signer,
    headers: &Headers<'_>,
    message: &[u8],
    aad: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let target = Countersigned::parse(message)?;
    let (present, count) = items(Form::Full, target.found(Form::Full))?;
    if count >= limits::COSE_LAYERS {
        return Err(Reason::TooLarge);
    }
    let (mut buffer, mut room) = ([0; limits::COSE_HEADER], [0; limits::SIGNATURE]);
    let protected = headers.protected(CoseAlg::for_signature(signer.alg()), &mut buffer)?;
    let signature = sign(&target.structure(Form::Full, protected, aad), signer, &mut room)?;
    let list = present.rest();
    let hops = |writer: &mut Writer<'_>| {
        if count > 0 {
            writer.array(count.saturating_add(1)).raw(list);
        }
        writer.array(3).bytes(protected).map(0).bytes(signature);
    };
    target.write(Form::Full, hops, out)
}

/// Writes `message` into `out` with an abbreviated countersignature, and gives the new length: for a relay that everybody
/// knows. [`Reason::CoseHeader`] if there is one already, as there is room for no other.
pub fn countersign0(signer: &dyn Signer, message: &[u8], aad: &[u8], out: &mut [u8]) -> Result<usize> {
    let target = Countersigned::parse(message)?;
    if target.found(Form::Abbreviated).is_some() {
        return Err(Reason::CoseHeader);
    }
    let mut room = [0; limits::SIGNATURE];
    let signature = sign(&target.structure(Form::Abbreviated, &[], aad), signer, &mut room)?;
    target.write(Form::Abbreviated, |writer| _ = writer.bytes(signature), out)
}

fn sign<'o>(structure: &Structure<'_>, signer: &dyn Signer, out: &'o mut [u8]) -> Result<&'o [u8]> {
    let length = structure.with(|message| signer.sign(message, out))?;
    out.get(..length).ok_or(Reason::Internal)
}

/// The values in an unprotected map under the labels of [`Form::ALL`].
fn find(map: &[u8]) -> Result<[Option<&[u8]>; 4]> {
    let (mut reader, mut found) = (Reader::new(map, Rules::Received), [None; 4]);
    let mut entries = reader.map()?;
    while let Some(key) = entries.next(&mut reader)? {
        let value = reader.raw()?;
        for (form, place) in Form::ALL.into_iter().zip(&mut found) {
            if key == Key::Int(form.label()) {
                *place = Some(value);
            }
        }
    }
    Ok(found)
}

/// A reader at the first of the countersignatures in `found`, which is one or a list, and their number.
fn items<'a>(form: Form, found: Option<&'a [u8]>) -> Result<(Reader<'a>, usize)> {
    let one = Reader::new(found.unwrap_or_default(), Rules::Received);
    if found.is_none() || !form.full() {
        return Ok((one, usize::from(found.is_some())));
    }
    let mut list = one.clone();
    let count = list.array()?;
    // One begins with its protected header, a list with an array.
    match (list.peek()?, count) {
        (Type::Bytes, _) => Ok((one, 1)),
        (_, ..=limits::COSE_LAYERS) => Ok((list, count)),
        _ => Err(Reason::TooLarge),
    }
}
