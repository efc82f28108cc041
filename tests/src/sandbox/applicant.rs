//! An applicant without a wallet of ours: fills in the form, seals it to the reviewers, and goes away.

use anyhow::Context;
use protocol::envelope::hpke::RecipientKey;
use protocol::kyc::{
    DocumentKind, MediaType, Submission, SubmissionReceipt, UnverifiedApplication,
    UnverifiedDocument, seal_application,
};
use protocol::registry::Genesis;
use url::Url;

use super::Person;
use super::http::{Http, below};
use super::staff::{Offer, REVIEWED_CHECKS, Staff};

/// Applies for a person at the only issuer of a network; gives the case.
pub async fn apply(
    http: &Http,
    issuer: &Url,
    genesis: &Genesis,
    person: &Person,
) -> anyhow::Result<SubmissionReceipt> {
    let registered = genesis
        .parties()
        .issuers()
        .first()
        .context("the network has no issuer")?;
    let application = UnverifiedApplication {
        form: serde_json::from_value(person.form()).context("the form of a synthetic person")?,
        documents: vec![UnverifiedDocument {
            kind: DocumentKind::DrivingPermit,
            media_type: MediaType::Png,
            data: person.licence_png()?,
        }],
    };
    let mut rng = service::random::os();
    let sealed = seal_application(
        &application,
        registered.application_key.as_bytes(),
        registered.id.as_str(),
        &mut rng,
    )?;
    let reply_key = RecipientKey::generate(&mut rng).public_key();
    let body = serde_json::to_value(Submission { sealed, reply_key })?;
    let answer = http
        .post_json(&below(issuer, "applications")?, &body)
        .await?;
    serde_json::from_value(answer).context("the receipt of an application")
}

/// An offer for a person whose checks have passed.
pub async fn obtain_offer(
    http: &Http,
    issuer: &Url,
    genesis: &Genesis,
    reviewer: &Staff,
    person: &Person,
) -> anyhow::Result<(String, Offer)> {
    let case = apply(http, issuer, genesis, person).await?.case.to_string();
    reviewer.read_case(&case).await?;
    for check in REVIEWED_CHECKS {
        reviewer.pass_check(&case, check).await?;
    }
    let offer = reviewer.make_offer(&case).await?;
    Ok((case, offer))
}
