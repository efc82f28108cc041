//! The two signature algorithms.

/// A signature algorithm, and with it a kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256 (RFC 7518, section 3.4).
    Es256,
    /// Ed25519 (RFC 8037; RFC 9864 calls it `Ed25519`).
    EdDsa,
}

impl Algorithm {
    /// Both, in the order in which metadata prefers them.
    pub const ALL: [Self; 2] = [Self::Es256, Self::EdDsa];

    /// The JOSE name that is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of a JOSE name: `ES256`, `EdDSA`, or `Ed25519` as RFC 9864 spells the latter.
    #[must_use]
    pub fn from_jose(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}
