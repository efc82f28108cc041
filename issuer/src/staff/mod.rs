//! What the consortium's staff do: open a session, read applications, complete checks, make offers, revoke.

pub(crate) mod api;
mod check;
mod key;
mod review;

use protocol::{envelope::hpke::RecipientKey, registry::CaseId};

pub(crate) use check::CheckError;
pub(crate) use key::{ReviewersKey, StaffMember};
pub(crate) use review::ReviewError;

use crate::secret::{ServiceSecret, Use};
pub(crate) use review::open;

/// What a session holds: the reviewers' key, which the passphrase unwrapped.
pub(crate) struct Reviewer {
    pub(crate) name: String,
    pub(crate) key: RecipientKey,
}

impl Reviewer {
    /// The name under which the reviewer appears in one case. Only this service can tell whose it is, and two cases of
    /// one reviewer cannot be told to be.
    fn pseudonym(&self, case: CaseId, secret: &ServiceSecret) -> String {
        let hash = secret.hash(Use::Pseudonym, &[case.as_bytes(), self.name.as_bytes()]);
        let short: String = hash
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("r-{short}")
    }
}
