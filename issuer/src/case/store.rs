//! Cases in the vault.
//!
//! Keys: kind `case`, id the case in hexadecimal. Atomicity: a case changes together with the queued record of its new
//! event, and with the offer, token or issuance that belongs to the change. Restart: `crate::closing::resume` takes up
//! cases that were being closed.

use protocol::registry::CaseId;
use vault::{Kind, Vault};

use super::Case;
use crate::store::{self, StoreError, Versioned};

/// Kind of the records.
pub(crate) const CASE: Kind = Kind::ordinary("case");

/// Reads a case.
pub(crate) fn load(vault: &Vault, id: CaseId) -> Result<Option<Versioned<Case>>, StoreError> {
    store::read(vault, CASE, &id.to_string())
}

/// Reads all cases.
pub(crate) fn load_all(vault: &Vault) -> Result<Vec<(CaseId, Case)>, StoreError> {
    let mut cases = Vec::new();
    for id in vault.list(CASE) {
        let Ok(case) = id.parse() else { continue };
        if let Some(found) = load(vault, case)? {
            cases.push((case, found.value));
        }
    }
    Ok(cases)
}
