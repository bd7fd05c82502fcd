//! Every reason why something was not done, in one numbered table.
//!
//! The number is the status of the C interface and the code in the event log; it is never reused. Each reason says who
//! must act ([`Blame`]) and, with feature `text`, what happened and what to do about it, in a sentence each.

use crate::platform::Fault;
use core::fmt;

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Blame {
    /// Whoever made the bytes: they were refused, and nothing stored has changed.
    Peer = 1,
    /// The device or its platform: a medium, an engine or a stored record failed.
    Device = 2,
    /// The calling program used the interface wrongly.
    Caller = 3,
    /// Nobody yet: the same call may succeed later.
    Later = 4,
}

macro_rules! reasons {
    ($($(#[$group:meta])* $name:ident = $number:literal, $blame:ident, $cause:literal, $remedy:literal;)*) => {
        /// Why something was not done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(i32)]
        #[non_exhaustive]
        pub enum Reason {
            $(#[doc = $cause] $name = $number,)*
        }

        impl Reason {
            /// Every reason, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Who must act.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $(Self::$name => Blame::$blame,)* }
            }

            /// The name, as in the source and in the manual.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What happened, in one sentence.
            #[cfg(feature = "text")]
            #[must_use]
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause,)* }
            }

            /// What to do about it, in one sentence.
            #[cfg(feature = "text")]
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }

            /// The reason with this number, if there is one.
            #[must_use]
            pub const fn from_number(number: i32) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    // 1xx  platform, records, time, the interface itself
    Misuse = 101, Caller, "A call came out of order.", "Follow the order of the life cycle in the manual.";
    BufferTooSmall = 102, Caller, "An output buffer is too small.", "Pass a buffer of the size that was reported.";
    Internal = 103, Device, "The library reached a state that it rules out.", "Report it with the version and the number.";
    TooLarge = 104, Peer, "Input exceeds a bound of this library.", "Keep within the bounds listed in `limits`.";
    PlatformUnavailable = 110, Later, "A platform service is not available now.", "Try again; check that the service is there.";
    PlatformIo = 111, Device, "A storage medium or engine reported an error.", "Check the medium; nothing half-done was kept.";
    PlatformFull = 112, Device, "There is no room left to store it.", "Free some space; the old state still holds.";
    PlatformNotFound = 113, Device, "Nothing is stored under that name.", "Provision the device first.";
    PlatformDenied = 114, Device, "The platform forbids the operation.", "Check permissions and the policy of the key.";
    PlatformCorrupt = 115, Device, "A stored item cannot be read back as written.", "Restore it from its source; the medium may be failing.";
    EntropyFailed = 116, Device, "The source of randomness failed.", "Check the random generator; no key or nonce was made.";
    RecordCorrupt = 120, Device, "Both places of a record are damaged.", "Provision the record again.";
    RecordVersion = 121, Device, "A record was written by newer software.", "Install the software that wrote it, or newer.";
    ClockBehindFloor = 130, Device, "The clock is behind a time already proven.", "Set the clock; the proven time is used meanwhile.";
    TimeImplausible = 131, Peer, "Signed evidence carries a time too far ahead.", "Check the clock of whoever signed it.";
    KeyBusy = 140, Later, "The key store is still working on it.", "Make the same call again.";

    // 2xx  CBOR, COSE, cryptography
    CborMalformed = 201, Peer, "The CBOR is not well-formed or has another shape.", "Send what the format prescribes.";
    CborNotDeterministic = 202, Peer, "The CBOR is not in deterministic encoding.", "Encode after RFC 8949 section 4.2.1.";
    CborTrailing = 203, Peer, "Bytes follow the end of the message.", "Send exactly one item.";
    CoseMalformed = 210, Peer, "The COSE structure is wrong.", "Build it after RFC 9052.";
    CoseHeader = 211, Peer, "A header is missing, doubled, misplaced or ill-typed.", "Put each header once, where RFC 9052 wants it.";
    CoseCritical = 212, Peer, "A critical header is not understood.", "Leave out critical headers outside the profile.";
    CoseAlgorithm = 213, Peer, "The message names another algorithm than its key.", "Use the one algorithm of the key.";
    CoseNoRecipient = 214, Peer, "The message holds no layer for this key.", "Send it to the right recipient.";
    AlgorithmUnsupported = 220, Peer, "The algorithm is not in this device's suite.", "Use one that the suite lists.";
    KeyInvalid = 221, Peer, "A public key is no valid key of its kind.", "Send a key on the curve, uncompressed.";
    KeyWrongUse = 222, Caller, "The key is not for this use.", "Use a key made for it.";
    SignatureInvalid = 223, Peer, "The signature does not verify.", "The content was changed or signed by another key; get it from its source again.";
    DecryptFailed = 224, Peer, "Decryption failed: changed content or another key.", "Get the message again from its sender.";
    MacInvalid = 225, Peer, "The authentication code does not verify.", "Get the message again from its sender.";

    // 3xx  trust
    TrustMissing = 301, Device, "No trust store of this kind is installed.", "Install it: the maker at the factory, the owner with physical presence.";
    TrustMalformed = 302, Peer, "The trust store object is malformed.", "Make it with the author tool.";
    TrustRollback = 303, Peer, "The trust store is not newer than the installed one.", "Sign a higher version.";
    TrustSkipped = 304, Peer, "A change of signers skips a version.", "Apply the versions in between first, in order.";
    TrustThreshold = 305, Peer, "Too few of the keys in charge have signed.", "Collect the missing signatures.";
    TrustPurpose = 306, Peer, "A store grants a purpose that is not its own.", "Manufacturer and owner each grant their own purposes.";
    TrustWouldStrand = 307, Peer, "The new store leaves a purpose without an anchor.", "Keep one anchor for each purpose in use.";
    TrustExists = 308, Caller, "A trust store of this kind is already installed.", "Update it with a signature of its owner.";
    NoPurpose = 310, Peer, "The key may not do this.", "Use a key whose purposes include it.";
    UnknownSigner = 311, Peer, "No trusted key made this signature.", "Sign with a key of the installed trust store.";
    Denied = 312, Peer, "The key is on the deny list.", "Replace the key.";
    PublishedTestKey = 313, Peer, "The key is a published test key.", "Use a key of your own.";
    TrustConstraint = 314, Peer, "A constraint of an anchor cannot be honoured here.", "Use only constraints that the manual lists.";
    TrustEpoch = 315, Peer, "The trust epoch does not fit what the store withdraws.", "Name the version that last withdrew trust.";
    AlgorithmRetired = 316, Peer, "Too few of the signatures are by algorithms that still count.", "Sign with keys whose algorithm is not retired.";
    FamilyMissing = 317, Peer, "A classical or a post-quantum signature is missing.", "Collect one of each: both must verify.";

    // 4xx  certificates
    DerMalformed = 401, Peer, "The DER is malformed.", "Encode after X.690.";
    CertificateMalformed = 402, Peer, "The certificate is malformed.", "Issue it after RFC 5280.";
    CertificateExpired = 403, Peer, "The certificate has expired.", "Renew it.";
    CertificateNotYetValid = 404, Peer, "The certificate is not valid yet.", "Check the clocks of both sides.";
    PathUntrusted = 405, Peer, "No path leads from the certificate to a trusted anchor.", "Install the anchor or present the right chain.";
    PathKeyUsage = 406, Peer, "A certificate may not be used for this.", "Issue it with the right key usages.";
    PathConstraint = 407, Peer, "A constraint on the path is violated.", "Issue the certificate within its issuer's constraints.";
    PathTooLong = 408, Peer, "The chain is longer than the bound.", "Present a shorter chain.";
    NameMismatch = 409, Peer, "The certificate is for another name.", "Connect to the right peer, or reissue its certificate.";
    CertificateRevoked = 410, Peer, "The certificate is revoked.", "Replace the certificate.";
    RevocationUnknown = 411, Later, "It is not known whether the certificate is revoked.", "Provide a current revocation list.";
    CertificateProfile = 412, Peer, "The certificate violates the profile.", "Issue it after the profile in the manual.";
    CrlMalformed = 413, Peer, "The revocation list is malformed.", "Issue it after RFC 5280 section 5.";
    CrlUnsupported = 414, Peer, "The revocation list is of a kind that is not read.", "Issue complete lists, or partitions by URI.";
    CrlRollback = 415, Peer, "The revocation list is older than one seen before.", "Provide the newest list.";
    CrlStale = 416, Later, "The revocation list is past the time of its next update.", "Provide a current revocation list.";
    CsrMalformed = 420, Peer, "The certification request is malformed.", "Build it after RFC 2986.";
    CsrProof = 421, Peer, "The certification request is not signed by its own key.", "Sign it with the key it names.";
    CmsMalformed = 422, Peer, "The certificate bundle is malformed.", "Send CMS certs-only after RFC 5272.";
    TemplateInvalid = 423, Caller, "A name for a certification request has a wrong form.", "Keep to the bounds of `CsrTemplate`.";
    ExpiryAhead = 424, Device, "Something that the device relies on runs out soon.", "Renew what the inventory shows.";

    // 5xx  identity
    OwnerRootMissing = 501, Later, "Enrolment needs the owner's root, and none is installed.", "Install the owner's trust store first.";
    NotProvisioned = 502, Caller, "The device has no birth identity.", "Run the factory steps first.";
    AlreadyProvisioned = 503, Caller, "The device already has a birth identity.", "Keep it; one device is born once.";
    IdentityKeyMismatch = 504, Peer, "The certificate is not for this device's key.", "Issue it for the key of the request.";
    IdentityNameMismatch = 505, Peer, "The certificate names another device.", "Issue it with the serial number of the request.";
    IdentityKeyLost = 506, Device, "The key of an identity is not in this device's key store.", "Provision again: keys were lost or storage was copied.";
    NameInvalid = 507, Caller, "A part of the device name has a wrong form or length.", "Follow the rules of `DeviceName`.";
    EstTransfer = 510, Peer, "The EST answer is malformed.", "Check the registrar.";
    EstRefused = 511, Peer, "The registrar refused the request.", "Ask the registrar's operator.";
    EstPending = 512, Later, "The registrar wants a person to approve first.", "Try again after the time it gave.";
    EstNoMatch = 513, Peer, "The answer holds no certificate, or two, for our key.", "Check the registrar.";
    UdiInvalid = 514, Peer, "The device identifier has a wrong form or check digit.", "Correct the identifier.";
    EstAttributes = 515, Peer, "The registrar asks for what this device cannot give.", "Ask for what the manual lists under csrattrs.";
    Decommissioned = 516, Device, "The device was decommissioned; its keys are destroyed.", "Erase its whole storage at the factory to use it again.";
    HardwareMismatch = 517, Device, "The identity was made on other hardware.", "Provision this device itself; find out who copied the storage.";
    RenewalDeferred = 518, Later, "Renewal is due and put off while the device is in use.", "Let the device rest within the time that is told.";
    EstLimited = 530, Later, "Too many requests came from this device or address.", "Wait, and try again.";
    EstReplayed = 531, Peer, "The request was answered before, and is out of date.", "Make a new request.";
    EstProof = 532, Peer, "The request is not bound to this TLS channel.", "Put the channel binding of RFC 9266 into challengePassword.";
    EstNamesChanged = 533, Peer, "A renewal asks for other names than the certificate has.", "Copy subject and alternative names from it.";

    // 6xx  messaging
    MessageMalformed = 601, Peer, "The message does not follow the profile.", "Use a sender of the same profile.";
    MessageReplayed = 602, Peer, "The message was seen before.", "Drop it; the first one was delivered.";
    MessageTooOld = 603, Peer, "The message is older than the replay window.", "Drop it; ask the sender for a report of gaps.";
    MessageNotForUs = 604, Peer, "The signed audience names another recipient.", "Seal it for this recipient.";
    MessageUnknownSender = 605, Peer, "The sender is not known here.", "Register the device.";
    MessageIdentity = 606, Peer, "The signer is not the device that the message names.", "Drop it.";
    MessageClass = 607, Peer, "The message class is not allowed here.", "Use a class that sender and receiver may exchange.";
    SequenceExhausted = 608, Device, "The sender has used up its sequence numbers.", "Start a new stream.";
    SendersFull = 609, Device, "There is no replay window left for another sender.", "Forget a sender that is gone.";
    Hl7Malformed = 610, Peer, "The HL7 v2 text or its block is malformed.", "Send ER7 encoding, without control characters.";
    CommandNotFresh = 611, Peer, "The command answers no open challenge, or has expired.", "Ask the device for a challenge and use it once.";
    OutboxFull = 612, Later, "A message gave way in a full outbox.", "Alarm locally; the outbox empties once the record answers.";
    OutboxDamaged = 613, Device, "A message in the outbox cannot be read back.", "Send it again if it still matters; the medium may be failing.";
    SessionUnknown = 614, Peer, "No open session has this key.", "Offer a new session.";
    LinkInDoubt = 615, Later, "Nobody is known to listen to alarms.", "Alarm locally; check the network.";
    HybridRequired = 616, Peer, "The offer of a session has no post-quantum part.", "Offer a hybrid session, or let the receiver take others.";

    // 7xx  update
    EnvelopeMalformed = 701, Peer, "The SUIT envelope is malformed.", "Make it with the author tool.";
    ManifestUnsigned = 702, Peer, "The manifest carries no signature.", "Sign it.";
    ManifestDigest = 703, Peer, "The manifest does not match its signed digest.", "Get the envelope again.";
    ManifestVersion = 704, Peer, "The manifest version is unknown.", "Use manifest version 1.";
    ManifestUnsupported = 705, Peer, "The manifest uses an element outside the profile.", "Make it with the author tool.";
    SequenceTooOld = 706, Peer, "The manifest is older than what ran here before.", "Install a newer release.";
    WrongVendor = 707, Peer, "The image is for another vendor's devices.", "Get the image for this device.";
    WrongClass = 708, Peer, "The image is for another class of devices.", "Get the image for this device.";
    ImageMismatch = 709, Peer, "The image does not match its digest.", "Get the image again.";
    ImageTooLarge = 710, Peer, "The image does not fit its slot.", "Build a smaller image.";
    ConditionFailed = 711, Peer, "A condition of the manifest does not hold.", "Check what the update requires.";
    ClinicalUse = 712, Later, "The device is in use on a patient.", "Wait until it is idle; nothing was changed.";
    NoUpdate = 713, Caller, "No update is staged or on trial.", "Stage one first.";
    UpdateBusy = 714, Caller, "Another update is already under way.", "Finish or abandon it first.";
    TrialPending = 715, Later, "The running image is on trial and not confirmed.", "Confirm it or reboot.";
    SlotMismatch = 716, Device, "The medium holds other bytes than were written.", "The flash may be failing; the running image is untouched.";
    SignatureByDevice = 717, Peer, "A message authentication code cannot authenticate an update.", "Sign with an author key.";
    UpdateReverted = 718, Device, "The new image was not confirmed; the old one runs again.", "Find out why the trial failed, then install again.";
    WrongComponent = 719, Peer, "The image is for another component of the device.", "Get the image for this component.";
    DescriptionInvalid = 720, Caller, "A description is not valid.", "Correct what the message names.";
    ApprovalMissing = 721, Later, "The owner has not approved the update.", "Let the owner sign it too.";
    UpdateHeld = 722, Later, "The owner has put the update off, or vetoed it.", "Wait, or ask the owner.";
    StatementOther = 723, Peer, "The signed statement is about another device or update.", "Sign one for this device and update.";
    StatementUsed = 724, Peer, "The signed statement was used before, or a later one was.", "Sign one with the next number.";
    StatementExpired = 725, Peer, "The signed statement has expired, or no clock can tell.", "Sign a new one; without a clock, go to the device.";
    MigrationFloor = 726, Peer, "That release cannot read the data as stored now.", "Install one from the migration floor on.";
    PermissionWithheld = 727, Later, "The application withholds leave for this step.", "Wait for its maintenance window.";
    UpdateOverdue = 728, Later, "The update was put off for longer than wanted.", "Take the device out of use; nothing is forced.";
    UpdateResumed = 729, Later, "An update that was put off goes on.", "Nothing; the number says how many milliseconds it waited.";
    UpdateStale = 730, Peer, "The manifest is past its date.", "Get the newest release, or bring it on a medium.";
    FreshnessUnknown = 731, Later, "No clock can tell whether the manifest is in date.", "Set the clock, or bring it on a medium.";
    ReportMalformed = 740, Peer, "The update report is malformed.", "Let the device make it anew, with this library.";
    PayloadLocked = 750, Caller, "The payload is encrypted, and no key was given for it.", "Give the keys of the device to the plan.";

    // 8xx  hosted
    FileMissing = 801, Device, "A file is missing.", "Check the path.";
    FileDenied = 802, Device, "Access to a file was denied.", "Check owner and mode; keys are 0600.";
    DiskFull = 803, Device, "The disk is full.", "Free some space; the old state still holds.";
    FileCorrupt = 804, Device, "A stored file is damaged.", "Restore it or provision the device again.";
    SecretTooShort = 805, Caller, "The storage secret has under 32 bytes.", "Pass at least 32 random bytes.";
    SecretWrong = 806, Caller, "The storage secret is not the one of this folder.", "Pass the secret that the folder was made with.";
    FolderBusy = 807, Later, "Another process works on this folder.", "End the other process, or give each a folder of its own.";
    FileExists = 808, Caller, "A file of that name is there already.", "Choose another name; keys are never overwritten.";
    TlsFailed = 810, Peer, "The TLS handshake failed.", "Check certificates and names of both sides.";
    NetworkFailed = 811, Later, "The connection failed.", "Check the network and try again.";
    HttpMalformed = 812, Peer, "The HTTP exchange is malformed or too large.", "Check the server.";
    PeerAnonymous = 813, Peer, "The peer showed no certificate.", "Give it an identity: both sides of a channel have one.";
}

impl Reason {
    /// The number: status in C, code in the log.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable => Self::PlatformUnavailable,
            Fault::Io => Self::PlatformIo,
            Fault::Full => Self::PlatformFull,
            Fault::NotFound => Self::PlatformNotFound,
            Fault::Denied => Self::PlatformDenied,
            Fault::Corrupt => Self::PlatformCorrupt,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(feature = "text")]
        return write!(f, "{} (E{})", self.cause(), self.number());
        #[cfg(not(feature = "text"))]
        return write!(f, "E{}", self.number());
    }
}

impl core::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_round_trip_and_every_text_is_a_sentence() {
        for pair in Reason::ALL.windows(2) {
            assert!(pair[0].number() < pair[1].number(), "{:?}", pair[1]);
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(*reason));
            #[cfg(feature = "text")]
            for text in [reason.cause(), reason.remedy()] {
                assert!(text.ends_with('.') && text.len() <= 90, "{reason:?}: {text}");
            }
        }
        assert_eq!(Reason::from_number(0), None);
    }
}
