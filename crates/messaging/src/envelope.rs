//! The one profile: what stands in the two layers, and nothing else does.

use aseptic_core::cbor::{Key, Map, Reader, Rules, Type, Writer};
use aseptic_core::cose::ContentType;
use aseptic_core::limits::{COSE_LAYERS, NAME, STREAMS};
use aseptic_core::time::{Time, Trust};
use aseptic_core::trust::{Purpose, Purposes, VerifiedPeer};
use aseptic_core::{Reason, Result};

/// The name of the profile, as `typ` of both layers (RFC 9596: a media type without "application/").
pub const PROFILE: &str = "vnd.aseptic.message-1";

/// Which way a message goes. It is not sent: each side knows it, and a message turned around does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Direction {
    /// From a device to the hospital.
    FromDevice = 1,
    /// From the hospital to a device.
    ToDevice = 2,
}

/// What makes a command or configuration fresh without a clock: something that only its receiver's present can answer.
///
/// Both come from the receiver, in a message of its own; see [`Opener::challenge`](crate::Opener::challenge) and
/// [`Opener::ticks`](crate::Opener::ticks).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// A value that the receiver has drawn and takes back once.
    Challenge([u8; 16]),
    /// It holds until the receiver, still in the same boot, has been up for so many milliseconds.
    Until {
        /// Names the receiver's boot.
        boot: [u8; 8],
        /// Milliseconds since that boot.
        uptime: u64,
    },
}

/// The purposes that are classes of messages.
const CLASSES: Purposes =
    Purposes::of(&[Purpose::Telemetry, Purpose::Alarm, Purpose::Audit, Purpose::Command, Purpose::Configuration]);

/// Bytes of the longest claims of the inner layer: names with two bytes of head each, and some 64 of numbers.
pub(crate) const CLAIMS: usize = (NAME + 2) * (COSE_LAYERS + 1) + 96;

const ISS: i64 = 1;
const AUD: i64 = 3;
const IAT: i64 = 6;
/// The claim of this profile, in the private range of the CWT registry (RFC 8392 section 9.1.1).
const OURS: i64 = -65537;

/// [`Reason::MessageClass`] unless the purpose is a class of messages.
pub(crate) fn require_class(class: Purpose) -> Result<()> {
    if CLASSES.contains(class) { Ok(()) } else { Err(Reason::MessageClass) }
}

/// Whether messages of this class change the receiver: they are fresh, for one target, and handed over once at most.
pub(crate) const fn orders(class: Purpose) -> bool {
    matches!(class, Purpose::Command | Purpose::Configuration)
}

/// What both sides bind to the encryption beside the message itself.
pub(crate) fn outer_aad(direction: Direction, class: Purpose, out: &mut [u8; 32]) -> Result<&[u8]> {
    let mut writer = Writer::new(out);
    writer.array(3).text(PROFILE).uint(u64::from(direction as u8)).uint(u64::from(class as u8));
    writer.finish().map(|bytes| &*bytes)
}

/// The claims of the outer layer: the class, for whoever carries the message.
pub(crate) fn outer_claims(class: Purpose, out: &mut [u8; 16]) -> Result<&[u8]> {
    let mut writer = Writer::new(out);
    writer.map(1).int(OURS).uint(u64::from(class as u8));
    writer.finish().map(|bytes| &*bytes)
}

/// Reads the class from the claims of the outer layer.
pub(crate) fn outer_class(claims: Option<&[u8]>) -> Result<Purpose> {
    let mut reader = Reader::new(claims.ok_or(Reason::MessageMalformed)?, Rules::Deterministic);
    let mut map = reader.map().map_err(malformed)?;
    expect(&mut map, &mut reader, OURS)?;
    let class = read_class(&mut reader)?;
    finish(&map, &reader)?;
    Ok(class)
}

/// [`Reason::MessageMalformed`] unless the layer is of this profile.
pub(crate) fn require_profile(typ: Option<ContentType<'_>>) -> Result<()> {
    if typ == Some(ContentType::Text(PROFILE)) { Ok(()) } else { Err(Reason::MessageMalformed) }
}

/// Where a message stands in its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) stream: u8,
    pub(crate) epoch: u64,
    pub(crate) boot: [u8; 8],
    pub(crate) sequence: u64,
}

/// The claims of the inner layer as received. They are the sender's words until its signature is verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims<'a> {
    pub(crate) from: &'a str,
    audience: [Option<&'a str>; COSE_LAYERS],
    pub(crate) time: Time,
    pub(crate) class: Purpose,
    pub(crate) position: Position,
    /// Given for commands and configuration, and for nothing else.
    pub(crate) fresh: Option<Fresh>,
}

/// Writes the claims of the inner layer; the audience is a text where it has one member, as RFC 7519 section 4.1.3 allows.
pub(crate) fn write_claims<'o>(
    from: &str,
    to: &[VerifiedPeer],
    time: Time,
    class: Purpose,
    fresh: Option<Fresh>,
    position: &Position,
    out: &'o mut [u8; CLAIMS],
) -> Result<&'o [u8]> {
    let dated = time.trust != Trust::Unknown;
    let mut writer = Writer::new(out);
    writer.map(if dated { 4 } else { 3 }).int(ISS).text(from).int(AUD);
    if to.len() != 1 {
        writer.array(to.len());
    }
    for peer in to {
        writer.text(name(peer.name())?);
    }
    if dated {
        writer.int(IAT).uint(time.seconds);
    }
    writer.int(OURS).array(if fresh.is_some() { 7 } else { 6 });
    writer.uint(u64::from(position.stream)).uint(u64::from(class as u8)).uint(position.epoch);
    writer.bytes(&position.boot).uint(position.sequence).uint(u64::from(time.trust as u8));
    match fresh {
        Some(Fresh::Challenge(value)) => writer.bytes(&value),
        Some(Fresh::Until { boot, uptime }) => writer.array(2).bytes(&boot).uint(uptime),
        None => &mut writer,
    };
    writer.finish().map(|bytes| &*bytes)
}

/// A name as the claims want it: text, not empty, within [`NAME`] bytes. Anything else is [`Reason::Misuse`].
pub(crate) fn name(bytes: &[u8]) -> Result<&str> {
    match core::str::from_utf8(bytes) {
        Ok(name) if (1..=NAME).contains(&name.len()) => Ok(name),
        _ => Err(Reason::Misuse),
    }
}

impl<'a> Claims<'a> {
    /// Reads the claims of the inner layer. The profile has one encoding of each message, so any other is refused.
    pub(crate) fn read(claims: Option<&'a [u8]>) -> Result<Self> {
        let mut reader = Reader::new(claims.ok_or(Reason::MessageMalformed)?, Rules::Deterministic);
        let mut map = reader.map().map_err(malformed)?;
        let dated = map.left() == 4;
        expect(&mut map, &mut reader, ISS)?;
        let from = read_name(&mut reader)?;
        expect(&mut map, &mut reader, AUD)?;
        let audience = read_audience(&mut reader)?;
        let mut seconds = 0;
        if dated {
            expect(&mut map, &mut reader, IAT)?;
            seconds = reader.uint().map_err(malformed)?;
        }
        expect(&mut map, &mut reader, OURS)?;
        let fields = reader.array().map_err(malformed)?;
        let stream = u8::try_from(reader.uint().map_err(malformed)?).map_err(|_| Reason::MessageMalformed)?;
        let class = read_class(&mut reader)?;
        let epoch = reader.uint().map_err(malformed)?;
        let boot = *reader.array_of().map_err(malformed)?;
        let sequence = reader.uint().map_err(malformed)?;
        let trust = match (reader.uint().map_err(malformed)?, dated) {
            (0, false) => Trust::Unknown,
            (1, true) => Trust::AtLeast,
            (2, true) => Trust::Trusted,
            _ => return Err(Reason::MessageMalformed),
        };
        let fresh = match (fields, orders(class)) {
            (6, false) => None,
            (7, true) => Some(read_fresh(&mut reader).map_err(malformed)?),
            _ => return Err(Reason::MessageMalformed),
        };
        finish(&map, &reader)?;
        if usize::from(stream) >= STREAMS || sequence == 0 {
            return Err(Reason::MessageMalformed);
        }
        let position = Position { stream, epoch, boot, sequence };
        Ok(Self { from, audience, time: Time { seconds, trust }, class, position, fresh })
    }

    /// Whether the signed audience names `us`.
    pub(crate) fn names(&self, us: &[u8]) -> bool {
        self.audience.iter().flatten().any(|name| name.as_bytes() == us)
    }

    /// Whether the signed audience names `us` and nobody else.
    pub(crate) fn names_only(&self, us: &[u8]) -> bool {
        self.audience.iter().flatten().count() == 1 && self.names(us)
    }
}

fn read_fresh(reader: &mut Reader<'_>) -> Result<Fresh> {
    if reader.peek()? != Type::Array {
        return reader.array_of().map(|value| Fresh::Challenge(*value));
    }
    reader.array_exact(2)?;
    let boot = *reader.array_of()?;
    Ok(Fresh::Until { boot, uptime: reader.uint()? })
}

fn read_audience<'a>(reader: &mut Reader<'a>) -> Result<[Option<&'a str>; COSE_LAYERS]> {
    let mut audience = [None; COSE_LAYERS];
    let count = match reader.peek().map_err(malformed)? {
        Type::Array => reader.array().ok().filter(|count| *count > 1).ok_or(Reason::MessageMalformed)?,
        _ => 1,
    };
    for place in audience.get_mut(..count).ok_or(Reason::MessageMalformed)? {
        *place = Some(read_name(reader)?);
    }
    Ok(audience)
}

fn read_name<'a>(reader: &mut Reader<'a>) -> Result<&'a str> {
    let name = reader.text().map_err(malformed)?;
    if (1..=NAME).contains(&name.len()) { Ok(name) } else { Err(Reason::MessageMalformed) }
}

fn read_class(reader: &mut Reader<'_>) -> Result<Purpose> {
    let number = u8::try_from(reader.uint().map_err(malformed)?).map_err(|_| Reason::MessageMalformed)?;
    let class = Purpose::from_u8(number).map_err(malformed)?;
    require_class(class)?;
    Ok(class)
}

fn expect(map: &mut Map, reader: &mut Reader<'_>, label: i64) -> Result<()> {
    match map.next(reader) {
        Ok(Some(Key::Int(found))) if found == label => Ok(()),
        _ => Err(Reason::MessageMalformed),
    }
}

fn finish(map: &Map, reader: &Reader<'_>) -> Result<()> {
    if map.left() == 0 { reader.end().map_err(malformed) } else { Err(Reason::MessageMalformed) }
}

pub(crate) const fn malformed(_: Reason) -> Reason {
    Reason::MessageMalformed
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn claims(build: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
        let mut buffer = [0; 1024];
        let mut writer = Writer::new(&mut buffer);
        build(&mut writer);
        writer.finish().unwrap().to_vec()
    }

    fn genuine(writer: &mut Writer<'_>) {
        writer.map(4).int(ISS).text("pump-1").int(AUD).array(2).text("a").text("b").int(IAT).uint(7);
        writer.int(OURS).array(6).uint(1).uint(7).uint(3).bytes(&[9; 8]).uint(12).uint(2);
    }

    #[test]
    fn claims_are_read_as_written_and_every_truncation_is_refused() {
        let bytes = claims(genuine);
        let read = Claims::read(Some(&bytes)).unwrap();
        assert_eq!((read.from, read.class, read.time), ("pump-1", Purpose::Alarm, Time::trusted(7)));
        assert_eq!(read.position, Position { stream: 1, epoch: 3, boot: [9; 8], sequence: 12 });
        assert!(read.names(b"a") && read.names(b"b") && !read.names(b"c") && !read.names(b""));
        for end in 0..bytes.len() {
            assert_eq!(Claims::read(Some(&bytes[..end])).err(), Some(Reason::MessageMalformed));
        }
        assert_eq!(Claims::read(None).err(), Some(Reason::MessageMalformed));
    }

    #[test]
    fn another_shape_is_another_profile() {
        let own = |stream, class, sequence, trust| {
            claims(|writer| {
                writer.map(3).int(ISS).text("p").int(AUD).text("a").int(OURS).array(6);
                writer.uint(stream).uint(class).uint(1).bytes(&[0; 8]).uint(sequence).uint(trust);
            })
        };
        assert!(Claims::read(Some(&own(0, 6, 1, 0))).is_ok());
        for (bytes, reason) in [
            (own(4, 6, 1, 0), Reason::MessageMalformed),
            (own(0, 6, 0, 0), Reason::MessageMalformed),
            (own(0, 6, 1, 2), Reason::MessageMalformed),
            (own(0, 99, 1, 0), Reason::MessageMalformed),
            (own(0, 2, 1, 0), Reason::MessageClass),
        ] {
            assert_eq!(Claims::read(Some(&bytes)).err(), Some(reason));
        }
        let crowd = claims(|writer| {
            writer.map(3).int(ISS).text("p").int(AUD).array(9);
            for _ in 0..9 {
                writer.text("a");
            }
            writer.int(OURS).array(6).uint(0).uint(6).uint(1).bytes(&[0; 8]).uint(1).uint(0);
        });
        assert_eq!(Claims::read(Some(&crowd)).err(), Some(Reason::MessageMalformed));
    }

    #[test]
    fn only_classes_of_messages_are_classes() {
        let mut buffer = [0; 16];
        for class in Purpose::ALL {
            let claims = outer_claims(class, &mut buffer).unwrap();
            let expected = require_class(class).map(|()| class);
            assert_eq!(outer_class(Some(claims)), expected);
        }
        assert_eq!(require_class(Purpose::Receive), Err(Reason::MessageClass));
    }
}
