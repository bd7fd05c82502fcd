//! The manual.

#[doc = include_str!("../manual/design.md")]
pub mod design {}

#[doc = include_str!("../manual/threat_model.md")]
pub mod threat_model {}

#[doc = include_str!("../manual/certificates.md")]
pub mod certificates {}

#[doc = include_str!("../manual/identity.md")]
pub mod identity {}

#[doc = include_str!("../manual/trust.md")]
pub mod trust {}

#[doc = include_str!("../manual/registrar.md")]
pub mod registrar {}

#[doc = include_str!("../manual/messaging.md")]
pub mod messaging {}

#[doc = include_str!("../manual/cose.md")]
pub mod cose {}

#[doc = include_str!("../manual/update.md")]
pub mod update {}

#[doc = include_str!("../manual/authoring.md")]
pub mod authoring {}

#[doc = include_str!("../manual/porting.md")]
pub mod porting {}

#[doc = include_str!("../manual/stored_formats.md")]
pub mod stored_formats {}

#[doc = include_str!("../manual/firmware.md")]
pub mod firmware {}

#[doc = include_str!("../manual/support.md")]
pub mod support {}

/// Why things are as they are: short, dated, never rewritten.
pub mod decisions {
    #[doc = include_str!("../manual/decisions/2026-11-23-one-reason.md")]
    pub mod one_reason {}
    #[doc = include_str!("../manual/decisions/2026-11-23-two-copies.md")]
    pub mod two_copies {}
    #[doc = include_str!("../manual/decisions/2026-11-23-borrowed-trust.md")]
    pub mod borrowed_trust {}
    #[doc = include_str!("../manual/decisions/2026-11-23-lines-of-core.md")]
    pub mod lines_of_core {}
    #[doc = include_str!("../manual/decisions/2026-11-23-fewer-key-methods.md")]
    pub mod fewer_key_methods {}
    #[doc = include_str!("../manual/decisions/2026-11-24-p256-in-assembler.md")]
    pub mod p256_in_assembler {}
    #[doc = include_str!("../manual/decisions/2026-11-24-trust-epoch.md")]
    pub mod trust_epoch {}
    #[doc = include_str!("../manual/decisions/2026-11-24-quorums-in-stores.md")]
    pub mod quorums_in_stores {}
    #[doc = include_str!("../manual/decisions/2026-11-30-hss-lms-beside-the-soft-suite.md")]
    pub mod hss_lms_beside_the_soft_suite {}
    #[doc = include_str!("../manual/decisions/2026-11-30-long-keys-by-thumbprint.md")]
    pub mod long_keys_by_thumbprint {}
    #[doc = include_str!("../manual/decisions/2026-11-30-both-families-and-retirement.md")]
    pub mod both_families_and_retirement {}
    #[doc = include_str!("../manual/decisions/2026-11-30-reports-name-no-device.md")]
    pub mod reports_name_no_device {}
    #[doc = include_str!("../manual/decisions/2026-11-30-reasons-are-data.md")]
    pub mod reasons_are_data {}
    #[doc = include_str!("../manual/decisions/2026-11-30-registrar-store.md")]
    pub mod registrar_store {}
    #[doc = include_str!("../manual/decisions/2026-11-30-encrypt-before-create.md")]
    pub mod encrypt_before_create {}
    #[doc = include_str!("../manual/decisions/2026-11-30-renewal-and-wipe.md")]
    pub mod renewal_and_wipe {}
    #[doc = include_str!("../manual/decisions/2026-11-30-marks-and-uncertain-messages.md")]
    pub mod marks_and_uncertain_messages {}
    #[doc = include_str!("../manual/decisions/2026-12-01-ends-of-sessions.md")]
    pub mod ends_of_sessions {}
    #[doc = include_str!("../manual/decisions/2026-11-30-no-receipts-in-sessions.md")]
    pub mod no_receipts_in_sessions {}
    #[doc = include_str!("../manual/decisions/2026-11-30-hybrid-offers.md")]
    pub mod hybrid_offers {}
    #[doc = include_str!("../manual/decisions/2026-11-30-heads-of-cbor.md")]
    pub mod heads_of_cbor {}
    #[doc = include_str!("../manual/decisions/2026-11-30-sets-are-slots.md")]
    pub mod sets_are_slots {}
    #[doc = include_str!("../manual/decisions/2026-12-01-public-keys-are-kept.md")]
    pub mod public_keys_are_kept {}
    #[doc = include_str!("../manual/decisions/2026-12-01-aws-lc-for-authorities.md")]
    pub mod aws_lc_for_authorities {}
    #[doc = include_str!("../manual/decisions/2026-12-01-functions-of-c.md")]
    pub mod functions_of_c {}
    #[doc = include_str!("../manual/decisions/2026-12-01-transfers-in-place.md")]
    pub mod transfers_in_place {}
}
