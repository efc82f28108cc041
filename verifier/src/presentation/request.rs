//! The request object of a session, made anew each time a wallet fetches it.

use protocol::Timestamp;
use protocol::application::{DesignationOffer, PURPOSE_ACCOUNT_OPENING, can_declare};
use protocol::presentation::{ClientMetadata, RequestParameters, RequestUriPost};
use vault::Changes;

use super::query::CREDENTIAL_ID;
use crate::application::session::{self, SessionState, Waiting};
use crate::policy::Declaration;
use crate::store::{self, StoreError};
use crate::verifier::Verifier;

/// Why there is no request object.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// No such session, or it was answered or is over.
    #[error("no session waits under this id")]
    Unknown,
    /// The vault failed.
    #[error("the session cannot be read or changed")]
    Store(#[from] StoreError),
}

/// The signed request of a session, for a wallet that says this of itself. It may be fetched again.
pub(crate) fn request_object(
    verifier: &Verifier,
    request_id: &str,
    wallet: RequestUriPost,
    now: Timestamp,
) -> Result<String, RequestError> {
    let mut session = session::find(&verifier.vault, request_id)?.ok_or(RequestError::Unknown)?;
    let expires = session.value.expires;
    let SessionState::Waiting(waiting) = &mut session.value.state else {
        return Err(RequestError::Unknown);
    };
    if expires <= now {
        return Err(RequestError::Unknown);
    }
    let declares =
        waiting.purpose == PURPOSE_ACCOUNT_OPENING && can_declare(&wallet.transaction_data_types);
    let asked = if declares {
        Declaration::Signed
    } else {
        Declaration::Missing
    };
    let before = std::mem::replace(&mut waiting.asked, asked);
    let mut parameters = parameters(verifier, request_id, waiting).ok_or(RequestError::Unknown)?;
    if before != asked {
        // Whoever answers is measured by what was asked last; a lost race asks the same again at the next fetch.
        let changes = session::replace(Changes::new(), request_id, &session)?;
        store::commit(&verifier.vault, &changes)?;
    }
    parameters.wallet_nonce = wallet.wallet_nonce;
    parameters.issued_at = Some(now);
    parameters.expires_at = Some(expires);
    Ok(verifier.signer.sign(&parameters))
}

/// What the session asks, without what only one fetch has.
pub(crate) fn parameters(
    verifier: &Verifier,
    request_id: &str,
    waiting: &Waiting,
) -> Option<RequestParameters> {
    let transaction_data = match waiting.asked {
        Declaration::Signed => vec![waiting.declaration.to_transaction_data(CREDENTIAL_ID)],
        Declaration::Missing => Vec::new(),
    };
    let offer = DesignationOffer {
        network: verifier.network(),
        verifier: verifier.id().to_owned(),
        purpose: waiting.purpose.clone(),
        outcome_key: waiting.outcome_public_key(),
    };
    Some(RequestParameters {
        client_id: verifier.signer.client_id().clone(),
        response_uri: verifier.below(&["responses", request_id]),
        nonce: waiting.nonce(),
        state: Some(waiting.state()),
        query: verifier.query(&waiting.purpose)?.clone(),
        client_metadata: ClientMetadata::for_key(&waiting.encryption_key(), request_id),
        transaction_data,
        verifier_info: vec![offer.to_verifier_info()],
        wallet_nonce: None,
        issued_at: None,
        expires_at: None,
    })
}
