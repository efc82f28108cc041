//! A holder made of `protocol` alone, for what the wallet refuses to do: replay, alter, leave out.
//!
//! It obtains credentials and answers requests like the wallet, and hands every message over before it is sent, so that a
//! scenario can spoil exactly one thing.

mod obtain;
mod present;

use protocol::credential::VerifiedCredential;
use protocol::identity::SigningKey;
use protocol::issuance::AnchorProof;
use protocol::registry::Genesis;

use crate::sandbox::http::Http;

pub use obtain::waste;
pub use present::{Answered, Presentation};

/// Someone with credentials and without scruples.
pub struct Holder {
    http: Http,
    genesis: Genesis,
    instances: Vec<Instance>,
    licence: Vec<u8>,
    case: String,
}

/// A credential with its key and its anchor.
pub struct Instance {
    credential: VerifiedCredential,
    key: SigningKey,
    anchor: AnchorProof,
}

impl Holder {
    /// The case that the credentials came from.
    pub fn case(&self) -> &str {
        &self.case
    }

    /// The next instance that was not shown yet.
    pub fn take_instance(&mut self) -> anyhow::Result<Instance> {
        anyhow::ensure!(!self.instances.is_empty(), "no anchored instance is left");
        Ok(self.instances.remove(0))
    }

    /// The picture of the licence.
    pub fn licence(&self) -> &[u8] {
        &self.licence
    }
}
