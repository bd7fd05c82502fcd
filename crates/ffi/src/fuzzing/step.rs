//! The numbers of the steps that [`calls`](super::calls) reads, for writing seeds: `[number, arguments]`.

/// One byte: `ASEPTIC_USE_...`.
pub const SET_USE: u8 = 0;
/// One byte of authority, then a blob: two bytes of length, big endian, and the bytes.
pub const TRUST_INSTALL: u8 = 1;
/// As [`TRUST_INSTALL`].
pub const TRUST_UPDATE: u8 = 2;
/// No argument.
pub const IDENTITY_LOAD: u8 = 3;
/// One byte: the room.
pub const IDENTITY_NAME: u8 = 4;
/// No argument.
pub const SENDER_INIT: u8 = 5;
/// Class, stream, recipient and body as blobs, two bytes of room.
pub const SEAL: u8 = 6;
/// A blob: the envelope.
pub const BEGIN: u8 = 7;
/// No argument.
pub const OFFSET: u8 = 8;
/// A blob.
pub const FEED: u8 = 9;
/// No argument.
pub const FINISH: u8 = 10;
/// No argument.
pub const ACTIVATE: u8 = 11;
/// No argument.
pub const ABANDON: u8 = 12;
/// No argument.
pub const BOOT: u8 = 13;
/// One byte: the migration floor.
pub const CONFIRM: u8 = 14;
/// One byte of slot and a blob: what now lies there.
pub const POKE: u8 = 15;
/// One byte: what the platform does to its answers from now on; 0 is the truth.
pub const LIE: u8 = 16;
/// No argument: all contexts are wiped, the device starts again on what is stored.
pub const RESTART: u8 = 17;
/// No argument.
pub const STEP: u8 = 18;
/// One byte of authority.
pub const TRUST_VERSION: u8 = 19;
/// No argument.
pub const TIME_NOW: u8 = 20;
/// A blob, one byte of size, one of sequence number.
pub const PROVISION: u8 = 21;
/// A blob, one byte of room.
pub const UDI: u8 = 22;
/// Serial number and UDI as blobs, two bytes of room.
pub const BIRTH_REQUEST: u8 = 23;
/// One byte of how many blobs follow.
pub const BIRTH_INSTALL: u8 = 24;
/// One byte of purpose, the name as a blob, then as [`BIRTH_INSTALL`].
pub const PEER_VERIFY: u8 = 25;
/// One byte of room.
pub const PEER_NAME: u8 = 26;
/// No argument.
pub const TIDY: u8 = 27;
/// One byte: which.
pub const STAGE: u8 = 28;
/// One byte: which.
pub const LOAD: u8 = 29;
/// One byte of index, two bytes of room.
pub const CERTIFICATE: u8 = 30;
/// A blob, one byte of room.
pub const SIGN: u8 = 31;
/// No argument.
pub const IDENTITY_CONFIRM: u8 = 32;
/// No argument.
pub const ENROL_BEGIN: u8 = 33;
/// One byte: 0 for no answer, else two bytes of status, then Content-Type, Retry-After and body as blobs.
pub const ENROL_STEP: u8 = 34;
/// One byte of room.
pub const AGREEMENT: u8 = 35;
/// No argument.
pub const AGREEMENT_RENEW: u8 = 36;
/// Two bytes of classes.
pub const OPENER_INIT: u8 = 37;
/// One byte: whether the peer is the sender; a blob, two bytes of room.
pub const OPEN: u8 = 38;
/// No argument.
pub const COMMIT: u8 = 39;
/// A blob.
pub const FORGET: u8 = 40;
/// A blob: the list; then as [`BIRTH_INSTALL`].
pub const LIST_BEGIN: u8 = 41;
/// No argument.
pub const LIST_STEP: u8 = 42;
/// A blob: the issuer.
pub const LIST_ACCEPT: u8 = 43;
/// As [`PEER_VERIFY`], then one byte: whether with the list.
pub const PEER_LISTED: u8 = 44;
/// As [`PEER_LISTED`], then one byte of index.
pub const PEER_FINDING: u8 = 45;
/// No argument: all items, with what was said of the list.
pub const INVENTORY: u8 = 46;
/// A blob, one byte of index, two bytes of room.
pub const IMPORT: u8 = 47;
/// No argument.
pub const SESSIONS_INIT: u8 = 48;
/// A blob: the signed message.
pub const SESSIONS_ACCEPT: u8 = 49;
/// As [`OPEN`].
pub const SESSIONS_OPEN: u8 = 50;
/// No argument.
pub const SESSIONS_COMMIT: u8 = 51;
/// A blob: the name.
pub const SESSIONS_END: u8 = 52;
/// Signer and report as blobs.
pub const REPORT_VERIFY: u8 = 53;
/// A blob: the sender; one byte: the outcome, two bytes of room.
pub const OPENER_REPORT: u8 = 54;
/// A blob: the station.
pub const LINK_INIT: u8 = 55;
/// One byte of room.
pub const LINK_BEAT: u8 = 56;
/// No argument.
pub const LINK_ANSWERED: u8 = 57;
/// Relay and message as blobs.
pub const CARRIED: u8 = 58;
/// A blob, two bytes of room.
pub const COUNTERSIGN: u8 = 59;
/// How many there are.
pub const COUNT: u8 = 60;
