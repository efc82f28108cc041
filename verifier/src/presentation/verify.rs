//! Verifying a response: plain functions over what was received and what was fetched.

use protocol::Timestamp;
use protocol::application::{
    ConsentError, ConsentExpectation, DisclosedDocument, DocumentsError, HistoryError,
    ResponseExtension, ResponseExtensionError, StatusToken, VerifiedConsent, VerifiedHistory,
    check_documents, verify_history,
};
use protocol::credential::{
    CredentialError, IssuerVerification, KeyBindingExpectation, RegisteredIssuerError,
    UnverifiedPresentedCredential, VerifiedPresentedCredential,
};
use protocol::kyc::Check;
use protocol::kyc::claims::{ClaimsError, disclosed_checks, disclosed_document_digests};
use protocol::presentation::dcql::{Candidate, FORMAT_SD_JWT_VC, HolderBinding, Mismatch};
use protocol::presentation::{
    EncryptedResponse, RequestParameters, ResponseError, ResponseExpectation, TransactionData,
};
use protocol::registry::checkpoint::Committees;
use protocol::registry::receipt::{ReceiptError, VerifiedEntry};
use protocol::registry::{CaseId, ContentDigest, Issuer, TrustedParties};
use protocol::status::Status;
use serde_json::Value;

use super::query::CREDENTIAL_ID;
use crate::application::session::Waiting;
use crate::policy::Declaration;

/// Why a response is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// No session waits for it, or another response was first.
    #[error("no session waits for the response")]
    NotWaiting,
    /// Form, encryption, state or VP token.
    #[error("the response is not acceptable")]
    Response(#[from] ResponseError),
    /// The issuer is not trusted.
    #[error("the issuer of the credential is not trusted")]
    UnknownIssuer,
    /// The issuer has been retired, and nothing shows that the credential is older than that.
    #[error("the issuer of the credential is retired, and the credential is not anchored")]
    RetiredIssuer,
    /// The issuer's registration is unusable.
    #[error("the issuer of the credential cannot be recognised")]
    Issuer(#[from] RegisteredIssuerError),
    /// The credential or its key binding.
    #[error("the presented credential is not acceptable")]
    Credential(#[from] CredentialError),
    /// It is not what was asked for.
    #[error("the presented credential does not answer the query")]
    Query(#[from] Mismatch),
    /// Our own parameter is malformed.
    #[error("the extension of the response is malformed")]
    Extension(#[from] ResponseExtensionError),
    /// The consent does not hold.
    #[error("the consent is not acceptable")]
    Consent(#[from] ConsentError),
    /// The images are not those of the credential.
    #[error("the document images are not acceptable")]
    Documents(#[from] DocumentsError),
    /// The claims are not those of a KYC credential.
    #[error("the disclosed checks or evidence cannot be read")]
    Claims(#[from] ClaimsError),
    /// The checks are not what the registry holds.
    #[error("the disclosed checks are not those on the registry")]
    History(#[from] HistoryError),
    /// The credential was revoked or suspended.
    #[error("the credential is not valid any more")]
    Status,
    /// The same application was received before.
    #[error("the application was received before")]
    Replayed,
}

impl Refused {
    /// Whether a newer look at the registry may change it: members or an issuer that are not known yet.
    pub(crate) const fn may_be_outdated(&self) -> bool {
        matches!(
            self,
            Self::UnknownIssuer
                | Self::Consent(
                    ConsentError::BatchReceipt(ReceiptError::Checkpoint(_))
                        | ConsentError::DesignationReceipt(ReceiptError::Checkpoint(_))
                )
        )
    }

    /// The reason for logs: a word, nothing of the content.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NotWaiting => "not_waiting",
            Self::Response(_) => "response",
            Self::UnknownIssuer => "unknown_issuer",
            Self::RetiredIssuer => "retired_issuer",
            Self::Issuer(_) => "issuer",
            Self::Credential(_) => "credential",
            Self::Query(_) => "query",
            Self::Extension(_) => "extension",
            Self::Consent(_) => "consent",
            Self::Documents(_) => "documents",
            Self::Claims(_) => "claims",
            Self::History(_) => "history",
            Self::Status => "status",
            Self::Replayed => "replayed",
        }
    }
}

/// What is known to the company, beside the session.
pub(crate) struct Known<'a> {
    pub(crate) committees: &'a Committees,
    pub(crate) trusted: &'a TrustedParties,
    pub(crate) verifier: &'a str,
}

/// A presentation whose signatures, query and consent hold; status and history are still open.
pub(crate) struct Presented {
    pub(crate) presented: VerifiedPresentedCredential,
    /// The claims that were asked for; whatever else was disclosed is gone.
    pub(crate) claims: Value,
    pub(crate) consent: Option<VerifiedConsent>,
    pub(crate) documents: Vec<DisclosedDocument>,
    /// With which the holder will ask how the application stands.
    pub(crate) status_token: Option<StatusToken>,
    /// What the request that was answered asked of the declaration; a later fetch of the request changes nothing.
    pub(crate) asked: Declaration,
    checks: Vec<Check>,
    digests: Vec<ContentDigest>,
}

/// Verifies all of a response that needs nothing but what was received and is at hand.
pub(crate) fn verify(
    response: &EncryptedResponse,
    waiting: &Waiting,
    request: &RequestParameters,
    kid: &str,
    known: &Known<'_>,
    now: Timestamp,
) -> Result<Presented, Refused> {
    let opened = response.open(&ResponseExpectation {
        key: &waiting.encryption_key(),
        kid,
        state: &waiting.state(),
        query: &request.query,
    })?;
    let [presentation] = opened.vp_token.presentations(CREDENTIAL_ID) else {
        return Err(Mismatch::Format.into());
    };
    let unverified = UnverifiedPresentedCredential::parse(presentation)?;
    let iss = unverified.claimed_iss().ok_or(Refused::UnknownIssuer)?;
    let issuer = known
        .trusted
        .parties()
        .issuer(iss)
        .ok_or(Refused::UnknownIssuer)?;
    let transaction_data: Vec<String> = request
        .transaction_data
        .iter()
        .map(TransactionData::encoded)
        .map(str::to_owned)
        .collect();
    let expected =
        KeyBindingExpectation::new(&request.client_id.to_string(), request.nonce.as_str())
            .with_transaction_data(&transaction_data);
    let presented = unverified.verify(&IssuerVerification::registered(issuer)?, &expected, now)?;
    let claims = asked_claims(&presented, request)?;
    let extension = ResponseExtension::find(&opened.extensions)?;
    let outcome_key = waiting.outcome_public_key();
    let expected = ConsentExpectation {
        committees: known.committees,
        issuer,
        verifier: known.verifier,
        purpose: &waiting.purpose,
        outcome_key: &outcome_key,
        presented: &presented,
    };
    if issuer.retired && extension.is_none() {
        return Err(Refused::RetiredIssuer);
    }
    let consent = extension
        .as_ref()
        .map(|extension| extension.consent.verify(&expected, now))
        .transpose()?;
    let (documents, status_token) = match extension {
        Some(extension) => (extension.documents, extension.status_token),
        None => (Vec::new(), None),
    };
    let (checks, digests) = checks_and_digests(&claims)?;
    check_documents(&documents, &digests)?;
    Ok(Presented {
        presented,
        claims,
        consent,
        documents,
        status_token,
        asked: waiting.asked,
        checks,
        digests,
    })
}

/// Evaluates the query on what came back, and keeps of it what was asked for.
fn asked_claims(
    presented: &VerifiedPresentedCredential,
    request: &RequestParameters,
) -> Result<Value, Refused> {
    let credential = presented.credential();
    let query = request
        .query
        .credential(CREDENTIAL_ID)
        .ok_or(Mismatch::Format)?;
    let candidate = Candidate {
        format: FORMAT_SD_JWT_VC,
        vct: credential.vct(),
        claims: credential.claims(),
        binding: HolderBinding::Bound,
        authority_key_ids: &[],
    };
    Ok(query.check(&candidate)?.extract(credential.claims()))
}

/// Checks and image digests, where the purpose asks for them.
fn checks_and_digests(claims: &Value) -> Result<(Vec<Check>, Vec<ContentDigest>), Refused> {
    let verification = claims.pointer("/verified_claims/verification");
    let has =
        |name: &str| verification.is_some_and(|verification| verification.get(name).is_some());
    let checks = if has("checks") {
        disclosed_checks(claims)?
    } else {
        Vec::new()
    };
    let digests = if has("evidence") {
        disclosed_document_digests(claims)?
    } else {
        Vec::new()
    };
    Ok((checks, digests))
}

impl Presented {
    /// The case whose events must be read from the registry, if checks were disclosed.
    pub(crate) fn case(&self) -> Option<CaseId> {
        self.checks.first().map(|check| check.case)
    }

    /// Holds the disclosed checks against the events of their case.
    pub(crate) fn verify_history(
        &self,
        events: &[VerifiedEntry],
        trusted: &TrustedParties,
    ) -> Result<VerifiedHistory, Refused> {
        let issuer = issuer_of(&self.presented, trusted).ok_or(Refused::UnknownIssuer)?;
        let definitions = trusted.parties().process_definitions();
        Ok(verify_history(
            &self.checks,
            &self.digests,
            events,
            issuer,
            definitions,
        )?)
    }
}

/// The registration of the credential's issuer.
pub(crate) fn issuer_of<'t>(
    presented: &VerifiedPresentedCredential,
    trusted: &'t TrustedParties,
) -> Option<&'t Issuer> {
    trusted.parties().issuer(presented.credential().iss())
}

/// Only a valid credential opens anything.
pub(crate) fn check_status(status: Status) -> Result<(), Refused> {
    if status == Status::Valid {
        Ok(())
    } else {
        Err(Refused::Status)
    }
}
