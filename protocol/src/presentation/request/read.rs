//! From the payload of an authenticated request object to its parameters.

use serde_json::{Map, Value};
use url::Url;

use super::{AUDIENCE, RESPONSE_MODE, RESPONSE_TYPE, RequestParameters};
use crate::Timestamp;
use crate::presentation::client_id::ClientId;
use crate::presentation::client_metadata::{ClientMetadata, ClientMetadataError};
use crate::presentation::dcql::{Query, QueryError};
use crate::presentation::error_response::ErrorCode;
use crate::presentation::nonce::{Nonce, State, WalletNonce};
use crate::presentation::transaction_data::{
    TransactionData, TransactionDataError, TransactionDataType,
};
use crate::presentation::verifier_info::VerifierInfo;

/// Clocks may differ by this much.
const SKEW_SECONDS: u64 = 60;
/// A request is answered within this time of its making.
const AGE_SECONDS_MAX: u64 = 300;

/// Why an authentic request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    /// `response_type` is not `vp_token`, or `response_mode` is not `direct_post.jwt`.
    #[error("the request asks for another type or mode of response")]
    Response,
    /// `redirect_uri` stands beside `response_uri`.
    #[error("the request has a redirect_uri beside its response_uri")]
    RedirectUri,
    /// The audience is not a wallet's.
    #[error("the request is meant for another audience")]
    Audience,
    /// Not valid yet, expired or old; or the times are no times.
    #[error("the request is not valid at this time")]
    Time,
    /// `nonce` or `state` is missing or not acceptable.
    #[error("the nonce or state of the request is not acceptable")]
    Nonce,
    /// Both or neither of `dcql_query` and `scope`.
    #[error("the request must have a dcql_query and no scope")]
    Scope,
    /// The query is not acceptable.
    #[error("the query is not acceptable")]
    Query(#[source] QueryError),
    /// `client_metadata` are not acceptable.
    #[error("the client metadata are not acceptable")]
    ClientMetadata(#[source] ClientMetadataError),
    /// Transaction data that must be refused.
    #[error("the transaction data are not acceptable")]
    TransactionData(#[source] TransactionDataError),
    /// `verifier_info` is malformed.
    #[error("the verifier info is malformed")]
    VerifierInfo,
}

impl RefusalReason {
    /// The code on the wire.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::TransactionData(_) => ErrorCode::InvalidTransactionData,
            Self::ClientMetadata(ClientMetadataError::Formats) => ErrorCode::VpFormatsNotSupported,
            Self::Response
            | Self::RedirectUri
            | Self::Audience
            | Self::Time
            | Self::Nonce
            | Self::Scope
            | Self::Query(_)
            | Self::ClientMetadata(_)
            | Self::VerifierInfo => ErrorCode::InvalidRequest,
        }
    }
}

/// What was already read and checked while authenticating the client.
pub(super) struct Authenticated {
    pub(super) client_id: ClientId,
    pub(super) response_uri: Url,
    pub(super) wallet_nonce: Option<WalletNonce>,
}

pub(super) fn parameters(
    payload: &Map<String, Value>,
    authenticated: Authenticated,
    known: &[TransactionDataType],
    now: Timestamp,
) -> Result<RequestParameters, RefusalReason> {
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    if text("response_type") != Some(RESPONSE_TYPE) || text("response_mode") != Some(RESPONSE_MODE)
    {
        return Err(RefusalReason::Response);
    }
    if payload.contains_key("redirect_uri") {
        return Err(RefusalReason::RedirectUri);
    }
    if text("aud") != Some(AUDIENCE) {
        return Err(RefusalReason::Audience);
    }
    let (issued_at, expires_at) = times(payload, now)?;
    let nonce = text("nonce").ok_or(RefusalReason::Nonce)?;
    let (Some(query), false) = (payload.get("dcql_query"), payload.contains_key("scope")) else {
        return Err(RefusalReason::Scope);
    };
    let query = Query::parse(query).map_err(RefusalReason::Query)?;
    let metadata = payload
        .get("client_metadata")
        .ok_or(RefusalReason::ClientMetadata(
            ClientMetadataError::Malformed,
        ))?;
    let transaction_data = match payload.get("transaction_data") {
        None => Vec::new(),
        Some(data) => TransactionData::parse_all(data, &query, known)
            .map_err(RefusalReason::TransactionData)?,
    };
    let verifier_info = match payload.get("verifier_info") {
        None => Vec::new(),
        Some(info) => VerifierInfo::parse_all(info).map_err(|_| RefusalReason::VerifierInfo)?,
    };
    Ok(RequestParameters {
        client_id: authenticated.client_id,
        response_uri: authenticated.response_uri,
        nonce: Nonce::new(nonce).map_err(|_| RefusalReason::Nonce)?,
        state: state(payload)?,
        query,
        client_metadata: ClientMetadata::parse(metadata).map_err(RefusalReason::ClientMetadata)?,
        transaction_data,
        verifier_info,
        wallet_nonce: authenticated.wallet_nonce,
        issued_at,
        expires_at,
    })
}

fn state(payload: &Map<String, Value>) -> Result<Option<State>, RefusalReason> {
    let Some(state) = payload.get("state") else {
        return Ok(None);
    };
    let state = state.as_str().ok_or(RefusalReason::Nonce)?;
    State::new(state)
        .map(Some)
        .map_err(|_| RefusalReason::Nonce)
}

type Times = (Option<Timestamp>, Option<Timestamp>);

fn times(payload: &Map<String, Value>, now: Timestamp) -> Result<Times, RefusalReason> {
    let issued_at = time(payload, "iat")?;
    let expires_at = time(payload, "exp")?;
    let not_before = time(payload, "nbf")?;
    let latest = now.plus_seconds(SKEW_SECONDS);
    let earliest = now.minus_seconds(SKEW_SECONDS);
    let early = [issued_at, not_before]
        .iter()
        .flatten()
        .any(|time| *time > latest);
    let old = issued_at.is_some_and(|time| time.plus_seconds(AGE_SECONDS_MAX) < earliest);
    let expired = expires_at.is_some_and(|time| time <= earliest);
    if early || old || expired {
        Err(RefusalReason::Time)
    } else {
        Ok((issued_at, expires_at))
    }
}

fn time(payload: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, RefusalReason> {
    payload
        .get(name)
        .map(|time| {
            time.as_u64()
                .map(Timestamp::from_unix)
                .ok_or(RefusalReason::Time)
        })
        .transpose()
}
