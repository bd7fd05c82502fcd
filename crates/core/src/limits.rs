//! Every bound on data that a peer controls, in one place, each with the reason for its size.

/// Bytes in one stored blob, frame included. An identity record holds two chains of P-256 certificates.
pub const SLOT: usize = 8192;
/// Nesting of CBOR items. The deepest item we read is a COSE recipient of a recipient inside a SUIT manifest.
pub const CBOR_DEPTH: u8 = 16;
/// Entries of one CBOR map or array. SUIT command sequences are the longest.
pub const CBOR_ITEMS: usize = 256;
/// Items of one input that may be read again in search of doubled keys: twice what the longest map of small values needs.
pub const CBOR_SEARCHES: u32 = 65_536;
/// Bytes in the protected header of a COSE message.
pub const COSE_HEADER: usize = 1024;
/// Signatures of a COSE_Sign, recipients of a COSE_Encrypt. A hospital has a handful of adapters, a maker a handful of keys.
pub const COSE_LAYERS: usize = 8;
/// Bytes of externally supplied data of an encrypted COSE message; ours is the empty string or a record head.
pub const COSE_AAD: usize = 512;
/// Bytes of a COSE_KDF_Context (RFC 9053 section 5.2): parties, nonces and the protected header of a recipient.
pub const KDF_CONTEXT: usize = 512;
/// Bytes in a key identifier.
pub const KID: usize = 64;
/// Bytes in the name of a device, an adapter or an anchor.
pub const NAME: usize = 64;
/// Bytes in a public key held by value (P-256, SEC 1 uncompressed; HSS/LMS takes 60). ML-DSA keys are known by thumbprint.
pub const PUBLIC_KEY: usize = 65;
/// Bytes in a signature held by value (ES256, Ed25519).
pub const SIGNATURE: usize = 64;
/// Entries of one trust store.
pub const TRUST_ENTRIES: usize = 16;
/// Bytes of a stored trust store, frame included: four P-256 anchors, as many pinned keys, three signatures.
pub const TRUST_STORE: usize = 3072;
/// Keys that one trust store denies.
pub const TRUST_DENIED: usize = 16;
/// Issuers of revocation lists for which one trust store names a lowest number.
pub const TRUST_MINIMUMS: usize = 8;
/// Slots from this one on hold secrets: erasing one leaves no copy of its bytes on the medium. Records lie below.
pub const SECRET_SLOTS: u16 = 0x100;
/// Keys of the software key store: birth, local, pending, agreement, and as many again for a renewal under way.
pub const SOFT_KEYS: u32 = 16;
/// Responses that one owner changes.
pub const OVERRIDES: usize = 8;
/// Algorithms that one trust store retires: both classical ones, and as many parameter sets that turn out too weak.
pub const RETIREMENTS: usize = 4;
/// Keys that may sign a trust store.
pub const TRUST_SIGNERS: usize = 8;
/// Certificates in a chain, leaf included; the budget of signature checks on a Cortex-M4 is counted in seconds.
pub const CHAIN: usize = 4;
/// Bytes in one certificate. P-256 certificates after IEEE 802.1AR stay under 1 KiB, RSA-4096 ones under 2; a key and a
/// signature of ML-DSA-87 take 7,219 bytes.
pub const CERTIFICATE: usize = 8192;
/// Bytes of one revocation list: 10^5 entries with date and reason take 5 MB.
pub const CRL: u32 = 8 << 20;
/// Entries of one revocation list. A maker that revoked a tenth of a million devices still fits.
pub const CRL_ENTRIES: u32 = 200_000;
/// Serial numbers that one pass over a revocation list looks for: those of a chain.
pub const CRL_WANTED: usize = 8;
/// Bytes of the distribution point of a partitioned revocation list: one or two URIs.
pub const CRL_SCOPE: usize = 256;
/// Rows of revocation lists whose numbers a device remembers: issuers times partitions that it meets.
pub const CRL_ROWS: usize = 16;
/// Extensions of one certificate; those of the public web carry ten.
pub const EXTENSIONS: usize = 32;
/// Bytes in a certification request (facts of EST: 16 KiB for PQ keys; ours are P-256).
pub const CSR: usize = 1024;
/// Bytes in an answer of an EST server.
pub const EST_ANSWER: usize = 65536;
/// Certificates in one EST answer.
pub const EST_CERTIFICATES: usize = 16;
/// Seconds for which a registrar may put off an answer (a day): a longer wait would outlast the approval it waits for.
pub const EST_WAIT: u32 = 86_400;
/// Redirects that one request to a registrar follows (facts of EST: three; more is a circle).
pub const EST_REDIRECTS: u8 = 3;
/// Bytes of the CA certificates kept from a registrar's list while enrolling, with the attributes that it asks for: three
/// intermediates of P-256 and a template.
pub const EST_AUTHORITIES: usize = 4096;
/// Bytes of an object identifier, without tag and length.
pub const OID: usize = 32;
/// Keys in a device's key store: the walk over them ends here also where the store does not.
pub const KEYS: usize = 256;
/// Seconds the time floor must rise before it is written to flash again (a day: 5,500 writes in 15 years).
pub const FLOOR_STEP: u64 = 86_400;
/// Seconds the time floor may lie after the day the firmware was made (20 years: longer than a device serves without new
/// firmware): signed evidence beyond that is a mistake or an attack.
pub const FLOOR_LEAP: u64 = 20 * 366 * 86_400;
/// Seconds after its end in which an expired certificate counts as just expired (30 days: the longest outage of a ward
/// network that the response matrix plans for).
pub const GRACE: u64 = 30 * 86_400;
/// Bytes in a SUIT manifest.
pub const MANIFEST: usize = 8192;
/// Components of a SUIT manifest.
pub const COMPONENTS: usize = 8;
/// Nested command sequences of a SUIT manifest.
pub const COMMAND_NESTING: u8 = 4;
/// Commands one SUIT procedure may execute in all.
pub const COMMANDS: u32 = 512;
/// Components that one SUIT manifest may have read, each at the cost of hashing it, before it is planned.
pub const COMPONENT_READINGS: u32 = 8;
/// Bytes of the arguments that a SUIT manifest hands to what it invokes.
pub const INVOKE_ARGUMENTS: usize = 64;
/// Branches of one try-each command of a SUIT manifest.
pub const COMMAND_BRANCHES: usize = 8;
/// Payloads that a SUIT envelope carries inside.
pub const PAYLOADS: usize = 4;
/// Authentication blocks of a SUIT envelope: three of the maker, as many again for another algorithm, two of the owner.
pub const AUTH_BLOCKS: usize = 8;
/// Updates that an owner holds back at a time: releases come a few times a year.
pub const HOLDS: usize = 8;
/// Bytes of a URI.
pub const URI: usize = 256;
/// Sequence numbers a sender reserves with one write before it uses them.
pub const SEQUENCE_BLOCK: u64 = 1024;
/// The same for streams 1 to 3, whose messages are rare: what was lost before a restart stays within the replay window.
pub const RARE_BLOCK: u64 = 16;
/// Sequence numbers that a receiver may hand over before it stores again how far it has come.
pub const REPLAY_MARK: u64 = 1024;
/// Challenges for commands that a receiver keeps open: one for each console that speaks to it.
pub const CHALLENGES: usize = 4;
/// Milliseconds for which a challenge or an expiry of a command may hold (ten minutes: a nurse reads a label meanwhile).
pub const COMMAND_LIFETIME: u64 = 600_000;
/// Messages in an outbox.
pub const OUTBOX: usize = 64;
/// Receipts in one report on messages.
pub const RECEIPTS: usize = 16;
/// Messages under one session key (SP 800-38D section 8 allows more; a Partial IV stays at four bytes).
pub const SESSION_MESSAGES: u64 = u32::MAX as u64;
/// Sequence numbers below the highest seen that a receiver still accepts once each.
pub const REPLAY_WINDOW: u64 = 64;
/// Bytes of one message body.
pub const MESSAGE: usize = 65536;
/// Bytes of one frame on a channel: a sealed message with its headers, signature and recipients.
pub const FRAME: usize = MESSAGE + 8192;
/// Streams of a sender, each with sequence numbers of its own: one for each priority.
pub const STREAMS: usize = 4;
/// Streams, of all senders together, that a receiver keeps a replay window for.
pub const SENDERS: usize = 32;
