//! Object identifiers, as the content bytes of their DER encoding.

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = [$($byte:literal),*];)*) => {
        $($(#[$doc])* pub const $name: &[u8] = &[$($byte),*];)*
    };
}

oids! {
    /// ecdsa-with-SHA256, 1.2.840.10045.4.3.2 (RFC 5758 section 3.2).
    ECDSA_SHA256 = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
    /// id-Ed25519, 1.3.101.112 (RFC 8410 section 3).
    ED25519 = [0x2B, 0x65, 0x70];

    /// commonName, 2.5.4.3.
    COMMON_NAME = [0x55, 0x04, 0x03];
    /// serialNumber, 2.5.4.5.
    SERIAL_NUMBER = [0x55, 0x04, 0x05];

    /// subjectKeyIdentifier, 2.5.29.14.
    SUBJECT_KEY_ID = [0x55, 0x1D, 0x0E];
    /// keyUsage, 2.5.29.15.
    KEY_USAGE = [0x55, 0x1D, 0x0F];
    /// subjectAltName, 2.5.29.17.
    SUBJECT_ALT_NAME = [0x55, 0x1D, 0x11];
    /// issuerAltName, 2.5.29.18.
    ISSUER_ALT_NAME = [0x55, 0x1D, 0x12];
    /// basicConstraints, 2.5.29.19.
    BASIC_CONSTRAINTS = [0x55, 0x1D, 0x13];
    /// nameConstraints, 2.5.29.30.
    NAME_CONSTRAINTS = [0x55, 0x1D, 0x1E];
    /// cRLNumber, 2.5.29.20.
    CRL_NUMBER = [0x55, 0x1D, 0x14];
    /// cRLReason, 2.5.29.21.
    REASON_CODE = [0x55, 0x1D, 0x15];
    /// deltaCRLIndicator, 2.5.29.27.
    DELTA_CRL_INDICATOR = [0x55, 0x1D, 0x1B];
    /// issuingDistributionPoint, 2.5.29.28.
    ISSUING_DISTRIBUTION_POINT = [0x55, 0x1D, 0x1C];
    /// noRevAvail, 2.5.29.56 (RFC 9608).
    NO_REV_AVAIL = [0x55, 0x1D, 0x38];
    /// cRLDistributionPoints, 2.5.29.31.
    CRL_DISTRIBUTION_POINTS = [0x55, 0x1D, 0x1F];
    /// certificatePolicies, 2.5.29.32.
    CERTIFICATE_POLICIES = [0x55, 0x1D, 0x20];
    /// anyPolicy, 2.5.29.32.0.
    ANY_POLICY = [0x55, 0x1D, 0x20, 0x00];
    /// policyMappings, 2.5.29.33.
    POLICY_MAPPINGS = [0x55, 0x1D, 0x21];
    /// authorityKeyIdentifier, 2.5.29.35.
    AUTHORITY_KEY_ID = [0x55, 0x1D, 0x23];
    /// policyConstraints, 2.5.29.36.
    POLICY_CONSTRAINTS = [0x55, 0x1D, 0x24];
    /// extKeyUsage, 2.5.29.37.
    EXTENDED_KEY_USAGE = [0x55, 0x1D, 0x25];
    /// inhibitAnyPolicy, 2.5.29.54.
    INHIBIT_ANY_POLICY = [0x55, 0x1D, 0x36];
    /// authorityInfoAccess, 1.3.6.1.5.5.7.1.1.
    AUTHORITY_INFO_ACCESS = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x01];

    /// anyExtendedKeyUsage, 2.5.29.37.0.
    ANY_USAGE = [0x55, 0x1D, 0x25, 0x00];
    /// id-kp-serverAuth, 1.3.6.1.5.5.7.3.1.
    SERVER_AUTH = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
    /// id-kp-clientAuth, 1.3.6.1.5.5.7.3.2.
    CLIENT_AUTH = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];
    /// id-kp-codeSigning, 1.3.6.1.5.5.7.3.3.
    CODE_SIGNING = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
    /// id-kp-cmcRA, 1.3.6.1.5.5.7.3.28: a registrar (RFC 6402 section 2.10, RFC 7030 section 3.6.1).
    CMC_RA = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x1C];
    /// id-kp-trustAnchorConfigSigning, 1.3.6.1.5.5.7.3.42 (RFC 9809).
    TRUST_ANCHOR_CONFIG_SIGNING = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x2A];
    /// id-kp-updatePackageSigning, 1.3.6.1.5.5.7.3.43 (RFC 9809).
    UPDATE_PACKAGE_SIGNING = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x2B];

    /// id-on-hardwareModuleName, 1.3.6.1.5.5.7.8.4 (RFC 4108 section 5).
    HARDWARE_MODULE_NAME = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04];

    /// extensionRequest, 1.2.840.113549.1.9.14 (RFC 2985 section 5.4.2).
    EXTENSION_REQUEST = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x0E];
    /// challengePassword, 1.2.840.113549.1.9.7 (RFC 2985 section 5.4.1).
    CHALLENGE_PASSWORD = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x07];
    /// id-aa-certificationRequestInfoTemplate, 1.2.840.113549.1.9.16.2.61 (RFC 9908 section 3.4).
    REQUEST_TEMPLATE = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x3D];
    /// id-aa-extensionReqTemplate, 1.2.840.113549.1.9.16.2.62 (RFC 9908 section 3.4).
    EXTENSION_TEMPLATE = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x3E];
    /// id-ecPublicKey, 1.2.840.10045.2.1 (RFC 5480 section 2.1.1).
    EC_PUBLIC_KEY = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
    /// secp256r1, 1.2.840.10045.3.1.7 (RFC 5480 section 2.1.1.1).
    P256 = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
    /// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 8017 appendix A.1).
    RSA_ENCRYPTION = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
    /// id-data, 1.2.840.113549.1.7.1 (RFC 5652 section 4).
    DATA = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01];
    /// id-signedData, 1.2.840.113549.1.7.2 (RFC 5652 section 5.1).
    SIGNED_DATA = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
}
