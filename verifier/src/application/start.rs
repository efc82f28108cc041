//! Starting an application on the company's page.

use protocol::Timestamp;
use protocol::application::{
    CrsDeclaration, PURPOSE_ACCOUNT_OPENING, PURPOSE_IDENTIFICATION, StartAnswer, StartRequest,
};
use protocol::presentation::{RequestLink, RequestUriMethod};
use rand_core::CryptoRng;
use vault::Changes;

use super::session::{self, Session, Waiting};
use crate::secret::random_id;
use crate::store::{self, StoreError};
use crate::verifier::Verifier;

/// Why an application is not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The company does not ask for this purpose.
    #[error("the purpose is not registered")]
    Purpose,
    /// The company does not offer this type of account.
    #[error("the account type is not offered")]
    AccountType,
    /// The declaration names no country, one twice, or too many.
    #[error("the tax residences are not acceptable")]
    Declaration,
    /// As many sessions wait as may.
    #[error("too many applications wait for a wallet")]
    Full,
    /// The vault failed.
    #[error("the session cannot be stored")]
    Store(#[from] StoreError),
}

/// Starts an application: fresh keys, and a link for the wallet.
pub(crate) fn start(
    verifier: &Verifier,
    request: StartRequest,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<StartAnswer, StartError> {
    let known =
        [PURPOSE_ACCOUNT_OPENING, PURPOSE_IDENTIFICATION].contains(&request.purpose.as_str());
    if !known || verifier.query(&request.purpose).is_none() {
        return Err(StartError::Purpose);
    }
    if !verifier
        .config
        .policy
        .account_types
        .contains(&request.account_type)
    {
        return Err(StartError::AccountType);
    }
    let declaration = CrsDeclaration::new(request.account_type, request.tax_residences)
        .map_err(|_| StartError::Declaration)?;
    if session::count(&verifier.vault) >= verifier.config.sessions_max {
        return Err(StartError::Full);
    }
    let expires = now.plus_seconds(verifier.config.session_lifetime_s);
    let session = Session::new(
        Waiting::new(request.purpose, declaration, rng),
        expires,
        rng,
    );
    let request_id = random_id(rng);
    store::commit(
        &verifier.vault,
        &session::create(Changes::new(), &request_id, &session)?,
    )?;
    let link = RequestLink {
        client_id: verifier.signer.client_id().clone(),
        request_uri: verifier.below(&["requests", &request_id]),
        method: RequestUriMethod::Post,
    };
    Ok(StartAnswer {
        request: link.to_string(),
        result_url: verifier.below(&["results", &session.result]),
    })
}
