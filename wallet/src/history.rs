//! `tegata history`: what was shown to whom. Entries are only ever added.

use protocol::Timestamp;
use protocol::credential::ClaimPath;
use protocol::registry::ApplicationId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use vault::{Changes, Kind, Vault};

use crate::display::{inert, path_words};
use crate::network::Network;
use crate::report::Report;
use crate::session::{Session, SessionError};

const HISTORY: Kind = Kind::ordinary("history");
const SCHEMA: u32 = 1;

/// One disclosure.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Disclosure {
    pub(crate) at: Timestamp,
    pub(crate) verifier: String,
    pub(crate) purpose: String,
    pub(crate) application: ApplicationId,
    pub(crate) claims: Vec<ClaimPath>,
    pub(crate) documents: usize,
}

impl Disclosure {
    /// Adds the disclosure to what a transaction writes. One that is written twice for one application stays one.
    pub(crate) fn add(&self, vault: &Vault, changes: Changes) -> Result<Changes, SessionError> {
        for (_, record) in vault.records(HISTORY)? {
            let known: Self = record.json()?;
            if known.application == self.application {
                return Ok(changes);
            }
        }
        let id = format!("{:020}", vault.list(HISTORY).len());
        let changes = changes.only_if_absent(HISTORY, &id);
        Ok(changes.put_json(HISTORY, &id, SCHEMA, self)?)
    }
}

/// Shows all disclosures, the oldest first.
pub fn history(session: &mut Session) -> Result<Report, SessionError> {
    let network = Network::load(&session.vault).ok();
    let mut lines = Vec::new();
    let mut entries = Vec::new();
    for (_, record) in session.vault.records(HISTORY)? {
        let shown: Disclosure = record.json()?;
        let name = network
            .as_ref()
            .and_then(|network| network.verifier(&shown.verifier).ok())
            .map_or_else(|| inert(&shown.verifier), |verifier| inert(&verifier.name));
        lines.push(format!(
            "{} {name}, for {}:",
            shown.at,
            inert(&shown.purpose)
        ));
        lines.extend(
            shown
                .claims
                .iter()
                .map(|path| format!("  {}", path_words(path))),
        );
        if shown.documents > 0 {
            lines.push(format!("  {} document images", shown.documents));
        }
        entries.push(json!({
            "at": shown.at.to_string(),
            "company": shown.verifier,
            "name": name,
            "purpose": shown.purpose,
            "application": shown.application,
            "claims": shown.claims,
            "documents": shown.documents,
        }));
    }
    if lines.is_empty() {
        lines.push("Nothing was shown to anybody yet.".to_owned());
    }
    Ok(Report::new(&lines, json!({"history": entries})))
}
