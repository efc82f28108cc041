//! What a signed token is for.

/// The kinds of JWS in Tegata. Each has its own `typ`, so that none can be replayed as another (RFC 8725,
/// section 3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The issuer-signed part of a credential (SD-JWT VC).
    Credential,
    /// A holder presents a credential to one verifier (RFC 9901, section 4.3).
    KeyBinding,
    /// A holder proves a key to an issuer (OpenID4VCI 1.0, appendix F.1).
    KeyProof,
    /// A verifier asks for credentials (OpenID4VP 1.0, section 5).
    RequestObject,
    /// The status of an issuer's credentials (Token Status List, section 5.1).
    StatusList,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 5] = [
        Self::Credential,
        Self::KeyBinding,
        Self::KeyProof,
        Self::RequestObject,
        Self::StatusList,
    ];

    /// The `typ` of the JOSE header, compared byte for byte.
    #[must_use]
    pub const fn typ(self) -> &'static str {
        match self {
            Self::Credential => "dc+sd-jwt",
            Self::KeyBinding => "kb+jwt",
            Self::KeyProof => "openid4vci-proof+jwt",
            Self::RequestObject => "oauth-authz-req+jwt",
            Self::StatusList => "statuslist+jwt",
        }
    }
}
