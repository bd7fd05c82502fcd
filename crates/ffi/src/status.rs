//! The reasons as constants of the header, the same numbers as in `aseptic_core::Reason`.

use crate::abi::aseptic_status;

/// A call came out of order.
pub const ASEPTIC_MISUSE: aseptic_status = 101;
/// An output buffer is too small.
pub const ASEPTIC_BUFFER_TOO_SMALL: aseptic_status = 102;
/// The library reached a state that it rules out.
pub const ASEPTIC_INTERNAL: aseptic_status = 103;
/// Input exceeds a bound of this library.
pub const ASEPTIC_TOO_LARGE: aseptic_status = 104;
/// A platform service is not available now.
pub const ASEPTIC_PLATFORM_UNAVAILABLE: aseptic_status = 110;
/// A storage medium or engine reported an error.
pub const ASEPTIC_PLATFORM_IO: aseptic_status = 111;
/// There is no room left to store it.
pub const ASEPTIC_PLATFORM_FULL: aseptic_status = 112;
/// Nothing is stored under that name.
pub const ASEPTIC_PLATFORM_NOT_FOUND: aseptic_status = 113;
/// The platform forbids the operation.
pub const ASEPTIC_PLATFORM_DENIED: aseptic_status = 114;
/// A stored item cannot be read back as written.
pub const ASEPTIC_PLATFORM_CORRUPT: aseptic_status = 115;
/// The source of randomness failed.
pub const ASEPTIC_ENTROPY_FAILED: aseptic_status = 116;
/// Both places of a record are damaged.
pub const ASEPTIC_RECORD_CORRUPT: aseptic_status = 120;
/// A record was written by newer software.
pub const ASEPTIC_RECORD_VERSION: aseptic_status = 121;
/// The clock is behind a time already proven.
pub const ASEPTIC_CLOCK_BEHIND_FLOOR: aseptic_status = 130;
/// Signed evidence carries a time too far ahead.
pub const ASEPTIC_TIME_IMPLAUSIBLE: aseptic_status = 131;
/// The key store is still working on it.
pub const ASEPTIC_KEY_BUSY: aseptic_status = 140;
/// The CBOR is not well-formed or has another shape.
pub const ASEPTIC_CBOR_MALFORMED: aseptic_status = 201;
/// The CBOR is not in deterministic encoding.
pub const ASEPTIC_CBOR_NOT_DETERMINISTIC: aseptic_status = 202;
/// Bytes follow the end of the message.
pub const ASEPTIC_CBOR_TRAILING: aseptic_status = 203;
/// The COSE structure is wrong.
pub const ASEPTIC_COSE_MALFORMED: aseptic_status = 210;
/// A header is missing, doubled, misplaced or ill-typed.
pub const ASEPTIC_COSE_HEADER: aseptic_status = 211;
/// A critical header is not understood.
pub const ASEPTIC_COSE_CRITICAL: aseptic_status = 212;
/// The message names another algorithm than its key.
pub const ASEPTIC_COSE_ALGORITHM: aseptic_status = 213;
/// The message holds no layer for this key.
pub const ASEPTIC_COSE_NO_RECIPIENT: aseptic_status = 214;
/// The algorithm is not in this device's suite.
pub const ASEPTIC_ALGORITHM_UNSUPPORTED: aseptic_status = 220;
/// A public key is no valid key of its kind.
pub const ASEPTIC_KEY_INVALID: aseptic_status = 221;
/// The key is not for this use.
pub const ASEPTIC_KEY_WRONG_USE: aseptic_status = 222;
/// The signature does not verify.
pub const ASEPTIC_SIGNATURE_INVALID: aseptic_status = 223;
/// Decryption failed: changed content or another key.
pub const ASEPTIC_DECRYPT_FAILED: aseptic_status = 224;
/// The authentication code does not verify.
pub const ASEPTIC_MAC_INVALID: aseptic_status = 225;
/// No trust store of this kind is installed.
pub const ASEPTIC_TRUST_MISSING: aseptic_status = 301;
/// The trust store object is malformed.
pub const ASEPTIC_TRUST_MALFORMED: aseptic_status = 302;
/// The trust store is not newer than the installed one.
pub const ASEPTIC_TRUST_ROLLBACK: aseptic_status = 303;
/// A change of signers skips a version.
pub const ASEPTIC_TRUST_SKIPPED: aseptic_status = 304;
/// Too few of the keys in charge have signed.
pub const ASEPTIC_TRUST_THRESHOLD: aseptic_status = 305;
/// A store grants a purpose that is not its own.
pub const ASEPTIC_TRUST_PURPOSE: aseptic_status = 306;
/// The new store leaves a purpose without an anchor.
pub const ASEPTIC_TRUST_WOULD_STRAND: aseptic_status = 307;
/// A trust store of this kind is already installed.
pub const ASEPTIC_TRUST_EXISTS: aseptic_status = 308;
/// The key may not do this.
pub const ASEPTIC_NO_PURPOSE: aseptic_status = 310;
/// No trusted key made this signature.
pub const ASEPTIC_UNKNOWN_SIGNER: aseptic_status = 311;
/// The key is on the deny list.
pub const ASEPTIC_DENIED: aseptic_status = 312;
/// The key is a published test key.
pub const ASEPTIC_PUBLISHED_TEST_KEY: aseptic_status = 313;
/// A constraint of an anchor cannot be honoured here.
pub const ASEPTIC_TRUST_CONSTRAINT: aseptic_status = 314;
/// The trust epoch does not fit what the store withdraws.
pub const ASEPTIC_TRUST_EPOCH: aseptic_status = 315;
/// Too few of the signatures are by algorithms that still count.
pub const ASEPTIC_ALGORITHM_RETIRED: aseptic_status = 316;
/// A classical or a post-quantum signature is missing.
pub const ASEPTIC_FAMILY_MISSING: aseptic_status = 317;
/// The DER is malformed.
pub const ASEPTIC_DER_MALFORMED: aseptic_status = 401;
/// The certificate is malformed.
pub const ASEPTIC_CERTIFICATE_MALFORMED: aseptic_status = 402;
/// The certificate has expired.
pub const ASEPTIC_CERTIFICATE_EXPIRED: aseptic_status = 403;
/// The certificate is not valid yet.
pub const ASEPTIC_CERTIFICATE_NOT_YET_VALID: aseptic_status = 404;
/// No path leads from the certificate to a trusted anchor.
pub const ASEPTIC_PATH_UNTRUSTED: aseptic_status = 405;
/// A certificate may not be used for this.
pub const ASEPTIC_PATH_KEY_USAGE: aseptic_status = 406;
/// A constraint on the path is violated.
pub const ASEPTIC_PATH_CONSTRAINT: aseptic_status = 407;
/// The chain is longer than the bound.
pub const ASEPTIC_PATH_TOO_LONG: aseptic_status = 408;
/// The certificate is for another name.
pub const ASEPTIC_NAME_MISMATCH: aseptic_status = 409;
/// The certificate is revoked.
pub const ASEPTIC_CERTIFICATE_REVOKED: aseptic_status = 410;
/// It is not known whether the certificate is revoked.
pub const ASEPTIC_REVOCATION_UNKNOWN: aseptic_status = 411;
/// The certificate violates the profile.
pub const ASEPTIC_CERTIFICATE_PROFILE: aseptic_status = 412;
/// The revocation list is malformed.
pub const ASEPTIC_CRL_MALFORMED: aseptic_status = 413;
/// The revocation list is of a kind that is not read.
pub const ASEPTIC_CRL_UNSUPPORTED: aseptic_status = 414;
/// The revocation list is older than one seen before.
pub const ASEPTIC_CRL_ROLLBACK: aseptic_status = 415;
/// The revocation list is past the time of its next update.
pub const ASEPTIC_CRL_STALE: aseptic_status = 416;
/// The certification request is malformed.
pub const ASEPTIC_CSR_MALFORMED: aseptic_status = 420;
/// The certification request is not signed by its own key.
pub const ASEPTIC_CSR_PROOF: aseptic_status = 421;
/// The certificate bundle is malformed.
pub const ASEPTIC_CMS_MALFORMED: aseptic_status = 422;
/// A name for a certification request has a wrong form.
pub const ASEPTIC_TEMPLATE_INVALID: aseptic_status = 423;
/// Something that the device relies on runs out soon.
pub const ASEPTIC_EXPIRY_AHEAD: aseptic_status = 424;
/// Enrolment needs the owner's root, and none is installed.
pub const ASEPTIC_OWNER_ROOT_MISSING: aseptic_status = 501;
/// The device has no birth identity.
pub const ASEPTIC_NOT_PROVISIONED: aseptic_status = 502;
/// The device already has a birth identity.
pub const ASEPTIC_ALREADY_PROVISIONED: aseptic_status = 503;
/// The certificate is not for this device's key.
pub const ASEPTIC_IDENTITY_KEY_MISMATCH: aseptic_status = 504;
/// The certificate names another device.
pub const ASEPTIC_IDENTITY_NAME_MISMATCH: aseptic_status = 505;
/// The key of an identity is not in this device's key store.
pub const ASEPTIC_IDENTITY_KEY_LOST: aseptic_status = 506;
/// A part of the device name has a wrong form or length.
pub const ASEPTIC_NAME_INVALID: aseptic_status = 507;
/// The EST answer is malformed.
pub const ASEPTIC_EST_TRANSFER: aseptic_status = 510;
/// The registrar refused the request.
pub const ASEPTIC_EST_REFUSED: aseptic_status = 511;
/// The registrar wants a person to approve first.
pub const ASEPTIC_EST_PENDING: aseptic_status = 512;
/// The answer holds no certificate, or two, for our key.
pub const ASEPTIC_EST_NO_MATCH: aseptic_status = 513;
/// The device identifier has a wrong form or check digit.
pub const ASEPTIC_UDI_INVALID: aseptic_status = 514;
/// The registrar asks for what this device cannot give.
pub const ASEPTIC_EST_ATTRIBUTES: aseptic_status = 515;
/// The device was decommissioned; its keys are destroyed.
pub const ASEPTIC_DECOMMISSIONED: aseptic_status = 516;
/// The identity was made on other hardware.
pub const ASEPTIC_HARDWARE_MISMATCH: aseptic_status = 517;
/// Renewal is due and put off while the device is in use.
pub const ASEPTIC_RENEWAL_DEFERRED: aseptic_status = 518;
/// Too many requests came from this device or address.
pub const ASEPTIC_EST_LIMITED: aseptic_status = 530;
/// The request was answered before, and is out of date.
pub const ASEPTIC_EST_REPLAYED: aseptic_status = 531;
/// The request is not bound to this TLS channel.
pub const ASEPTIC_EST_PROOF: aseptic_status = 532;
/// A renewal asks for other names than the certificate has.
pub const ASEPTIC_EST_NAMES_CHANGED: aseptic_status = 533;
/// The message does not follow the profile.
pub const ASEPTIC_MESSAGE_MALFORMED: aseptic_status = 601;
/// The message was seen before.
pub const ASEPTIC_MESSAGE_REPLAYED: aseptic_status = 602;
/// The message is older than the replay window.
pub const ASEPTIC_MESSAGE_TOO_OLD: aseptic_status = 603;
/// The signed audience names another recipient.
pub const ASEPTIC_MESSAGE_NOT_FOR_US: aseptic_status = 604;
/// The sender is not known here.
pub const ASEPTIC_MESSAGE_UNKNOWN_SENDER: aseptic_status = 605;
/// The signer is not the device that the message names.
pub const ASEPTIC_MESSAGE_IDENTITY: aseptic_status = 606;
/// The message class is not allowed here.
pub const ASEPTIC_MESSAGE_CLASS: aseptic_status = 607;
/// The sender has used up its sequence numbers.
pub const ASEPTIC_SEQUENCE_EXHAUSTED: aseptic_status = 608;
/// There is no replay window left for another sender.
pub const ASEPTIC_SENDERS_FULL: aseptic_status = 609;
/// The HL7 v2 text or its block is malformed.
pub const ASEPTIC_HL7_MALFORMED: aseptic_status = 610;
/// The command answers no open challenge, or has expired.
pub const ASEPTIC_COMMAND_NOT_FRESH: aseptic_status = 611;
/// A message gave way in a full outbox.
pub const ASEPTIC_OUTBOX_FULL: aseptic_status = 612;
/// A message in the outbox cannot be read back.
pub const ASEPTIC_OUTBOX_DAMAGED: aseptic_status = 613;
/// No open session has this key.
pub const ASEPTIC_SESSION_UNKNOWN: aseptic_status = 614;
/// Nobody is known to listen to alarms.
pub const ASEPTIC_LINK_IN_DOUBT: aseptic_status = 615;
/// The offer of a session has no post-quantum part.
pub const ASEPTIC_HYBRID_REQUIRED: aseptic_status = 616;
/// The SUIT envelope is malformed.
pub const ASEPTIC_ENVELOPE_MALFORMED: aseptic_status = 701;
/// The manifest carries no signature.
pub const ASEPTIC_MANIFEST_UNSIGNED: aseptic_status = 702;
/// The manifest does not match its signed digest.
pub const ASEPTIC_MANIFEST_DIGEST: aseptic_status = 703;
/// The manifest version is unknown.
pub const ASEPTIC_MANIFEST_VERSION: aseptic_status = 704;
/// The manifest uses an element outside the profile.
pub const ASEPTIC_MANIFEST_UNSUPPORTED: aseptic_status = 705;
/// The manifest is older than what ran here before.
pub const ASEPTIC_SEQUENCE_TOO_OLD: aseptic_status = 706;
/// The image is for another vendor's devices.
pub const ASEPTIC_WRONG_VENDOR: aseptic_status = 707;
/// The image is for another class of devices.
pub const ASEPTIC_WRONG_CLASS: aseptic_status = 708;
/// The image does not match its digest.
pub const ASEPTIC_IMAGE_MISMATCH: aseptic_status = 709;
/// The image does not fit its slot.
pub const ASEPTIC_IMAGE_TOO_LARGE: aseptic_status = 710;
/// A condition of the manifest does not hold.
pub const ASEPTIC_CONDITION_FAILED: aseptic_status = 711;
/// The device is in use on a patient.
pub const ASEPTIC_CLINICAL_USE: aseptic_status = 712;
/// No update is staged or on trial.
pub const ASEPTIC_NO_UPDATE: aseptic_status = 713;
/// Another update is already under way.
pub const ASEPTIC_UPDATE_BUSY: aseptic_status = 714;
/// The running image is on trial and not confirmed.
pub const ASEPTIC_TRIAL_PENDING: aseptic_status = 715;
/// The medium holds other bytes than were written.
pub const ASEPTIC_SLOT_MISMATCH: aseptic_status = 716;
/// A message authentication code cannot authenticate an update.
pub const ASEPTIC_SIGNATURE_BY_DEVICE: aseptic_status = 717;
/// The new image was not confirmed; the old one runs again.
pub const ASEPTIC_UPDATE_REVERTED: aseptic_status = 718;
/// The image is for another component of the device.
pub const ASEPTIC_WRONG_COMPONENT: aseptic_status = 719;
/// A description is not valid.
pub const ASEPTIC_DESCRIPTION_INVALID: aseptic_status = 720;
/// The owner has not approved the update.
pub const ASEPTIC_APPROVAL_MISSING: aseptic_status = 721;
/// The owner has put the update off, or vetoed it.
pub const ASEPTIC_UPDATE_HELD: aseptic_status = 722;
/// The signed statement is about another device or update.
pub const ASEPTIC_STATEMENT_OTHER: aseptic_status = 723;
/// The signed statement was used before, or a later one was.
pub const ASEPTIC_STATEMENT_USED: aseptic_status = 724;
/// The signed statement has expired, or no clock can tell.
pub const ASEPTIC_STATEMENT_EXPIRED: aseptic_status = 725;
/// That release cannot read the data as stored now.
pub const ASEPTIC_MIGRATION_FLOOR: aseptic_status = 726;
/// The application withholds leave for this step.
pub const ASEPTIC_PERMISSION_WITHHELD: aseptic_status = 727;
/// The update was put off for longer than wanted.
pub const ASEPTIC_UPDATE_OVERDUE: aseptic_status = 728;
/// An update that was put off goes on.
pub const ASEPTIC_UPDATE_RESUMED: aseptic_status = 729;
/// The manifest is past its date.
pub const ASEPTIC_UPDATE_STALE: aseptic_status = 730;
/// No clock can tell whether the manifest is in date.
pub const ASEPTIC_FRESHNESS_UNKNOWN: aseptic_status = 731;
/// The update report is malformed.
pub const ASEPTIC_REPORT_MALFORMED: aseptic_status = 740;
/// The payload is encrypted, and no key was given for it.
pub const ASEPTIC_PAYLOAD_LOCKED: aseptic_status = 750;
/// A file is missing.
pub const ASEPTIC_FILE_MISSING: aseptic_status = 801;
/// Access to a file was denied.
pub const ASEPTIC_FILE_DENIED: aseptic_status = 802;
/// The disk is full.
pub const ASEPTIC_DISK_FULL: aseptic_status = 803;
/// A stored file is damaged.
pub const ASEPTIC_FILE_CORRUPT: aseptic_status = 804;
/// The storage secret has under 32 bytes.
pub const ASEPTIC_SECRET_TOO_SHORT: aseptic_status = 805;
/// The storage secret is not the one of this folder.
pub const ASEPTIC_SECRET_WRONG: aseptic_status = 806;
/// Another process works on this folder.
pub const ASEPTIC_FOLDER_BUSY: aseptic_status = 807;
/// A file of that name is there already.
pub const ASEPTIC_FILE_EXISTS: aseptic_status = 808;
/// The TLS handshake failed.
pub const ASEPTIC_TLS_FAILED: aseptic_status = 810;
/// The connection failed.
pub const ASEPTIC_NETWORK_FAILED: aseptic_status = 811;
/// The HTTP exchange is malformed or too large.
pub const ASEPTIC_HTTP_MALFORMED: aseptic_status = 812;
/// The peer showed no certificate.
pub const ASEPTIC_PEER_ANONYMOUS: aseptic_status = 813;

#[cfg(test)]
mod tests {
    use aseptic_core::Reason;

    /// Each reason has its constant, and each constant its reason.
    #[test]
    fn the_constants_are_the_table() {
        let source = include_str!("status.rs");
        let expected: String = Reason::ALL.iter().map(|reason| line(*reason)).collect();
        let written: String =
            source.lines().filter(|line| line.starts_with("pub const")).map(|line| format!("{line}\n")).collect();
        assert_eq!(written, expected);
    }

    fn line(reason: Reason) -> String {
        let mut name = String::new();
        for letter in reason.name().chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        format!("pub const ASEPTIC_{name}: aseptic_status = {};\n", reason.number())
    }
}
