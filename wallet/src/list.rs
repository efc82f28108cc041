//! `tegata list` and `tegata show`: what is in the wallet.

use std::collections::BTreeMap;

use protocol::credential::VerifiedCredential;
use serde_json::{Value, json};

use crate::display::{inert, statement_lines};
use crate::failure::{Advise, FailureKind};
use crate::instance::{StoredInstance, Usage};
use crate::network::{Network, NetworkError};
use crate::report::Report;
use crate::session::{Session, SessionError};

/// Why the wallet's content cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The network cannot be read.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The wallet cannot be read.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// There is no credential.
    #[error("there is no credential in the wallet")]
    None,
}

impl Advise for ListError {
    fn advice(&self) -> String {
        match self {
            Self::Network(error) => error.advice(),
            Self::Session(error) => error.advice(),
            Self::None => "`tegata receive` takes one from the consortium".into(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Network(error) => error.kind(),
            Self::Session(error) => error.kind(),
            Self::None => FailureKind::Refused,
        }
    }
}

/// The instances of one issuance.
#[derive(Default)]
struct Batch {
    issuer: String,
    instances: usize,
    unspent: usize,
    anchored: usize,
    credential: Option<VerifiedCredential>,
}

/// Lists the credentials, one line for each issuance.
pub fn list(session: &mut Session) -> Result<Report, ListError> {
    let network = Network::load(&session.vault)?;
    let mut lines = Vec::new();
    let mut entries = Vec::new();
    for batch in batches(session, &network)? {
        let name = network
            .issuer(Some(&batch.issuer))
            .map_or_else(|_| inert(&batch.issuer), |issuer| inert(&issuer.name));
        let validity = match &batch.credential {
            Some(credential) => format!("valid until {}", credential.expires()),
            None => "not valid any more".to_owned(),
        };
        lines.push(format!(
            "KYC credential of {name}, {validity}: {} of {} one-time instances are left, {} are anchored",
            batch.unspent, batch.instances, batch.anchored
        ));
        entries.push(json!({
            "issuer": batch.issuer,
            "vct": batch.credential.as_ref().map(VerifiedCredential::vct),
            "expires": batch.credential.as_ref().map(|credential| credential.expires().to_string()),
            "valid": batch.credential.is_some(),
            "instances": batch.instances,
            "unspent": batch.unspent,
            "anchored": batch.anchored,
        }));
    }
    if lines.is_empty() {
        lines.push("No credentials. `tegata apply` and `tegata receive` get one.".to_owned());
    }
    Ok(Report::new(&lines, json!({"credentials": entries})))
}

/// Shows what the newest credential says.
pub fn show(session: &mut Session) -> Result<Report, ListError> {
    let network = Network::load(&session.vault)?;
    let credential = batches(session, &network)?
        .into_iter()
        .filter_map(|batch| batch.credential)
        .max_by_key(VerifiedCredential::expires)
        .ok_or(ListError::None)?;
    let empty = Value::Null;
    let claims = credential.claims().get("verified_claims").unwrap_or(&empty);
    let mut lines = vec![
        format!("KYC credential of {}", inert(credential.iss())),
        format!("valid until {}", credential.expires()),
        String::new(),
    ];
    lines.extend(statement_lines(&json!({"verified_claims": claims})));
    let json = json!({
        "issuer": credential.iss(),
        "vct": credential.vct(),
        "expires": credential.expires().to_string(),
        "verified_claims": claims,
    });
    Ok(Report::new(&lines, json))
}

fn batches(session: &Session, network: &Network) -> Result<Vec<Batch>, ListError> {
    let now = session.clock.now();
    let mut batches: BTreeMap<String, Batch> = BTreeMap::new();
    for stored in StoredInstance::all(&session.vault)? {
        let instance = stored.instance;
        let batch = batches.entry(instance.issuance.clone()).or_default();
        batch.instances += 1;
        batch.unspent += usize::from(instance.usage == Usage::Unspent);
        batch.anchored += usize::from(instance.anchor().is_some());
        batch.issuer.clone_from(&instance.issuer);
        if batch.credential.is_none() {
            let issuer = network.issuer(Some(&instance.issuer))?;
            batch.credential = instance.verify(issuer, now).ok();
        }
    }
    Ok(batches.into_values().collect())
}
