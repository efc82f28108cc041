//! Authenticating the verifier behind a request object, before anything else of it is believed.

use serde_json::{Map, Value};
use url::Url;

use super::RequestParameters;
use super::read::{self, Authenticated, RefusalReason};
use crate::Timestamp;
use crate::identity::jws::{JwsError, JwsLimits, UnverifiedJws, VerifiedJws};
use crate::identity::x5c::{CertificateChain, Role, TrustAnchors, VerifiedChain, X5cError};
use crate::identity::{PublicKey, Purpose};
use crate::presentation::client_id::ClientId;
use crate::presentation::endpoint::{self, LoopbackHttp};
use crate::presentation::error_response::{ErrorCode, ErrorResponse};
use crate::presentation::nonce::{State, WalletNonce};
use crate::presentation::transaction_data::TransactionDataType;

/// What the wallet knows when it reads a request object.
#[derive(Debug)]
pub struct RequestExpectation<'a> {
    /// The client that the link named.
    pub client_id: &'a ClientId,
    /// The nonce that the wallet posted, if it did.
    pub wallet_nonce: Option<&'a WalletNonce>,
    /// Whom the wallet trusts.
    pub trust: RequestTrust<'a>,
    /// The transaction data that the wallet knows.
    pub transaction_data_types: &'a [TransactionDataType],
    /// Whether the response may go to http on this machine.
    pub loopback_http: LoopbackHttp,
}

/// Whom the wallet trusts to ask.
#[derive(Debug)]
pub enum RequestTrust<'a> {
    /// Verifiers that are registered with their certificate authorities.
    Registered(&'a [RegisteredClient<'a>]),
    /// The verifier behind a DID: the key that its document lists under the request's `kid`, and its registration.
    Did {
        /// The key of that `kid`.
        key: &'a PublicKey,
        /// The verifier's registration; its `id` is the DID.
        client: RegisteredClient<'a>,
    },
}

/// A verifier as it is registered.
#[derive(Clone, Copy, Debug)]
pub struct RegisteredClient<'a> {
    /// Its identifier: a URI in the subject alternative name of its certificate, or its DID.
    pub id: &'a str,
    /// Its service; responses go to that origin and nowhere else.
    pub url: &'a Url,
    /// The authorities of its certificates.
    pub anchors: &'a TrustAnchors,
}

/// A request object as it came.
#[derive(Clone, Debug)]
pub struct UnverifiedRequest {
    jws: UnverifiedJws,
}

/// A request whose sender is known and whose parameters are all acceptable.
#[derive(Clone, Debug)]
pub struct VerifiedRequest {
    verifier: String,
    certificate_name: Option<String>,
    parameters: RequestParameters,
}

/// Why a request object is not answered with presentations.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Nobody knows who asks: nothing may be sent anywhere.
    #[error("the request is not authentic")]
    NotAuthentic(#[from] AuthenticationError),
    /// The verifier is known; once the user agrees, it may be told.
    #[error("the request is refused")]
    Refused(#[from] Box<Refusal>),
}

/// Why a request is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// No well-formed request object, or its signature is wrong.
    #[error("the request object is not acceptable")]
    RequestObject(#[source] JwsError),
    /// The signed client is not the one of the link.
    #[error("the request names another client than the link")]
    ClientId,
    /// The certificates are missing or not acceptable.
    #[error("the certificates of the request are not acceptable")]
    Certificates(#[source] X5cError),
    /// No registered verifier stands behind the certificate.
    #[error("the verifier is not registered")]
    NotRegistered,
    /// The certificate or DID is not the one that the client identifier names.
    #[error("the client identifier does not belong to the key")]
    Binding,
    /// The wallet's nonce is not repeated.
    #[error("the request does not repeat the wallet's nonce")]
    WalletNonce,
    /// The answer would go to a place that is not the verifier's.
    #[error("the response_uri is not the verifier's")]
    ResponseUri,
}

/// An authentic request that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an authentic request asks for what is not given")]
pub struct Refusal {
    /// Why.
    #[source]
    pub reason: RefusalReason,
    /// Where the verifier may be told.
    pub reply: ReplyTo,
}

/// Where an authentic verifier expects an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// The response URI.
    pub response_uri: Url,
    /// The state to repeat.
    pub state: Option<State>,
}

impl ReplyTo {
    /// The error response to post to [`Self::response_uri`].
    #[must_use]
    pub fn error(&self, code: ErrorCode) -> ErrorResponse {
        ErrorResponse {
            code,
            state: self.state.as_ref().map(|state| state.as_str().to_owned()),
        }
    }
}

/// What the check of a signature gives: the token, whose it is, and the certificates if there are any.
type Signed<'c> = (VerifiedJws, RegisteredClient<'c>, Option<VerifiedChain>);

impl UnverifiedRequest {
    /// Reads a compact request object.
    pub fn parse(compact: &str) -> Result<Self, AuthenticationError> {
        let jws = UnverifiedJws::parse(compact, &JwsLimits::DEFAULT)
            .map_err(AuthenticationError::RequestObject)?;
        Ok(Self { jws })
    }

    /// The `kid`: for a DID client, the verification method to be looked up before [`Self::verify`].
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.jws.kid()
    }

    /// Authenticates the verifier, then reads what it asks.
    pub fn verify(
        self,
        expected: &RequestExpectation<'_>,
        now: Timestamp,
    ) -> Result<VerifiedRequest, RequestError> {
        let (signed, client, chain) = match (expected.client_id, &expected.trust) {
            (
                ClientId::X509Hash(_) | ClientId::X509SanDns(_),
                RequestTrust::Registered(clients),
            ) => self.verify_certificate(clients, now)?,
            (ClientId::DecentralizedIdentifier(did), RequestTrust::Did { key, client }) => {
                self.verify_did(did, key, *client)?
            }
            (ClientId::X509Hash(_) | ClientId::X509SanDns(_), RequestTrust::Did { .. })
            | (ClientId::DecentralizedIdentifier(_), RequestTrust::Registered(_)) => {
                return Err(AuthenticationError::Binding.into());
            }
        };
        let payload = signed
            .payload()
            .as_object()
            .ok_or(AuthenticationError::ClientId)?;
        let authenticated = authenticate(payload, expected, client, chain.as_ref())?;
        let reply = ReplyTo {
            response_uri: authenticated.response_uri.clone(),
            state: payload
                .get("state")
                .and_then(Value::as_str)
                .and_then(|state| State::new(state).ok()),
        };
        let parameters =
            read::parameters(payload, authenticated, expected.transaction_data_types, now)
                .map_err(|reason| Box::new(Refusal { reason, reply }))?;
        let certificate_name = chain.map(|chain| chain.subject_name().to_owned());
        Ok(VerifiedRequest {
            verifier: client.id.to_owned(),
            certificate_name,
            parameters,
        })
    }

    fn verify_certificate<'c>(
        self,
        clients: &[RegisteredClient<'c>],
        now: Timestamp,
    ) -> Result<Signed<'c>, AuthenticationError> {
        let x5c = self
            .jws
            .x5c()
            .ok_or(AuthenticationError::Certificates(X5cError::Empty))?;
        let chain = CertificateChain::parse(x5c).map_err(AuthenticationError::Certificates)?;
        let claimed = chain.claimed_san_uris();
        let client = *clients
            .iter()
            .find(|client| claimed.contains(&client.id))
            .ok_or(AuthenticationError::NotRegistered)?;
        let chain = chain
            .verify(client.anchors, now, Role::PresentationVerifier)
            .map_err(AuthenticationError::Certificates)?;
        let signed = self
            .jws
            .verify(Purpose::RequestObject, chain.leaf_key())
            .map_err(AuthenticationError::RequestObject)?;
        Ok((signed, client, Some(chain)))
    }

    fn verify_did<'c>(
        self,
        did: &str,
        key: &PublicKey,
        client: RegisteredClient<'c>,
    ) -> Result<Signed<'c>, AuthenticationError> {
        let of_did = |kid: &str| kid.split('#').next() == Some(did);
        if client.id != did || !self.jws.kid().is_some_and(of_did) {
            return Err(AuthenticationError::Binding);
        }
        let signed = self
            .jws
            .verify(Purpose::RequestObject, key)
            .map_err(AuthenticationError::RequestObject)?;
        Ok((signed, client, None))
    }
}

fn authenticate(
    payload: &Map<String, Value>,
    expected: &RequestExpectation<'_>,
    client: RegisteredClient<'_>,
    chain: Option<&VerifiedChain>,
) -> Result<Authenticated, AuthenticationError> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    if text("client_id") != Some(expected.client_id.to_string().as_str()) {
        return Err(AuthenticationError::ClientId);
    }
    let bound = match expected.client_id {
        ClientId::X509Hash(hash) => chain.is_some_and(|chain| chain.leaf_sha256() == *hash),
        ClientId::X509SanDns(name) => chain.is_some_and(|chain| chain.san_dns().contains(name)),
        ClientId::DecentralizedIdentifier(did) => client.id == did,
    };
    if !bound {
        return Err(AuthenticationError::Binding);
    }
    if expected
        .wallet_nonce
        .is_some_and(|nonce| text("wallet_nonce") != Some(nonce.as_str()))
    {
        return Err(AuthenticationError::WalletNonce);
    }
    let response_uri = text("response_uri").ok_or(AuthenticationError::ResponseUri)?;
    let response_uri = endpoint::parse(response_uri, expected.loopback_http)
        .map_err(|_| AuthenticationError::ResponseUri)?;
    let at_dns_name = match expected.client_id {
        ClientId::X509SanDns(name) => response_uri.host_str() == Some(name),
        ClientId::X509Hash(_) | ClientId::DecentralizedIdentifier(_) => true,
    };
    if response_uri.origin() != client.url.origin() || !at_dns_name {
        return Err(AuthenticationError::ResponseUri);
    }
    Ok(Authenticated {
        client_id: expected.client_id.clone(),
        response_uri,
        wallet_nonce: expected.wallet_nonce.cloned(),
    })
}

impl VerifiedRequest {
    /// The registered identifier of the verifier that asks.
    #[must_use]
    pub fn verifier(&self) -> &str {
        &self.verifier
    }

    /// The name on the verifier's certificate, without control characters.
    #[must_use]
    pub fn certificate_name(&self) -> Option<&str> {
        self.certificate_name.as_deref()
    }

    /// What it asks.
    #[must_use]
    pub const fn parameters(&self) -> &RequestParameters {
        &self.parameters
    }

    /// Where an error response goes.
    #[must_use]
    pub fn reply_to(&self) -> ReplyTo {
        ReplyTo {
            response_uri: self.parameters.response_uri.clone(),
            state: self.parameters.state.clone(),
        }
    }
}
