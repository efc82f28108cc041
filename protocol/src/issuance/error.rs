//! Error codes, as the body `{"error": …}` carries them ([`crate::problem::OAuthError`]).

use crate::problem::OAuthError;

macro_rules! error_codes {
    ($($(#[$documentation:meta])* $name:ident { $($(#[$variant_documentation:meta])* $variant:ident = $code:literal,)+ })+) => {$(
        $(#[$documentation])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$variant_documentation])* $variant,)+
        }

        impl $name {
            /// The code on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }

            /// The code that an answer carries, if it is one of this endpoint.
            pub fn of(body: &OAuthError) -> Option<Self> {
                match body.error.as_str() {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    )+};
}

error_codes! {
    /// Of the token endpoint (RFC 6749 section 5.2; OpenID4VCI section 6.3).
    TokenErrorCode {
        /// Malformed, a parameter missing or twice; a transaction code missing, or sent where none is expected.
        InvalidRequest = "invalid_request",
        /// The client did not authenticate where it must.
        InvalidClient = "invalid_client",
        /// Wrong, expired or used code; wrong transaction code.
        InvalidGrant = "invalid_grant",
        /// Another grant than the pre-authorised code.
        UnsupportedGrantType = "unsupported_grant_type",
    }

    /// Of the credential endpoint (OpenID4VCI section 8.3.1.2).
    CredentialErrorCode {
        /// Malformed, or with a parameter or value that is not supported.
        InvalidCredentialRequest = "invalid_credential_request",
        /// No such configuration.
        UnknownCredentialConfiguration = "unknown_credential_configuration",
        /// No such identifier.
        UnknownCredentialIdentifier = "unknown_credential_identifier",
        /// A key proof is missing or wrong.
        InvalidProof = "invalid_proof",
        /// A key proof is over a nonce that is unknown, expired or used.
        InvalidNonce = "invalid_nonce",
        /// The response cannot be encrypted as asked.
        InvalidEncryptionParameters = "invalid_encryption_parameters",
        /// The credential will not be issued.
        CredentialRequestDenied = "credential_request_denied",
    }

    /// Of the notification endpoint (OpenID4VCI section 11.3).
    NotificationErrorCode {
        /// No such issuance under this access token.
        InvalidNotificationId = "invalid_notification_id",
        /// Malformed.
        InvalidNotificationRequest = "invalid_notification_request",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_back_from_the_body_that_carries_it() {
        let body = OAuthError::new(CredentialErrorCode::InvalidNonce.as_str());
        assert_eq!(
            CredentialErrorCode::of(&body),
            Some(CredentialErrorCode::InvalidNonce)
        );
        assert_eq!(TokenErrorCode::of(&body), None);
    }
}
