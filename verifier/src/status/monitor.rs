//! Monitoring: every credential that the company relied on is looked up again in the lists that are fetched anyway.

use std::sync::Arc;

use protocol::Timestamp;
use protocol::registry::{ApplicationId, TrustedParties};
use protocol::status::Status;
use vault::Changes;

use super::{Sources, StatusUnavailable};
use crate::application::record::{self, Application, Standing, Verdict};
use crate::store::{self, StoreError, Versioned};
use crate::verifier::{Verifier, blocking};

/// Looks at every application that is open or undecided, and notes what became of its credential.
pub(crate) async fn look(
    verifier: &Arc<Verifier>,
    trusted: &TrustedParties,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let applications = blocking(verifier, |verifier| record::all(&verifier.vault)).await?;
    let mut changed = 0;
    for (id, application) in applications {
        if application
            .value
            .decision
            .as_ref()
            .is_some_and(|decision| decision.verdict == Verdict::Declined)
        {
            continue;
        }
        match standing(verifier, trusted, &application.value, now).await {
            Ok(standing) if standing != application.value.standing => {
                note(verifier, id, application, standing).await?;
                changed += 1;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(application = %id, %error, "status unknown"),
        }
    }
    Ok(changed)
}

/// How the credential of an application stands now.
pub(crate) async fn standing(
    verifier: &Verifier,
    trusted: &TrustedParties,
    application: &Application,
    now: Timestamp,
) -> Result<Standing, StatusUnavailable> {
    let credential = &application.credential;
    if credential.expires <= now {
        return Ok(Standing::Expired);
    }
    let reference = credential
        .status()
        .map_err(|_| StatusUnavailable::Unlisted)?;
    let issuer = trusted
        .parties()
        .issuer(&credential.iss)
        .ok_or(StatusUnavailable::Unlisted)?;
    let sources = Sources {
        trusted,
        registry: &verifier.registry,
        vault: &verifier.vault,
    };
    Ok(
        match verifier
            .status
            .status(&reference, issuer, &sources, now)
            .await?
        {
            Status::Valid => Standing::Valid,
            Status::Invalid => Standing::Revoked,
            Status::Suspended | Status::ApplicationSpecific(_) | Status::Reserved(_) => {
                Standing::Suspended
            }
        },
    )
}

async fn note(
    verifier: &Arc<Verifier>,
    id: ApplicationId,
    mut application: Versioned<Application>,
    standing: Standing,
) -> Result<(), StoreError> {
    application.value.standing = standing;
    let changes = record::replace(Changes::new(), id, &application)?;
    // A lost race is looked at again next time.
    blocking(verifier, move |verifier| {
        store::commit(&verifier.vault, &changes)
    })
    .await?;
    tracing::info!(application = %id, "the credential of an application changed its status");
    Ok(())
}
