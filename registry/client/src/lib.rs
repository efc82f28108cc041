//! Reads of the registry that return only after their proof was checked.
//!
//! A node may lie, be slow or be gone: whatever it answers is checked against the members' signatures, and another node
//! is asked if the check fails. What cannot be proved, that something is *not* there, is believed only when more members
//! say so than may be faulty.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use protocol::registry::{CaseId, Genesis};
//! use registry_client::{Options, Reach, RegistryClient};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let genesis = Genesis::parse(&std::fs::read("genesis.json")?)?;
//! let options = Options {
//!     reach: Reach::HttpsOnly,
//!     certificates: Vec::new(),
//! };
//! let registry = RegistryClient::new(Arc::new(genesis), &options)?;
//! let case: CaseId = "30313233343536373839616263646566".parse()?;
//! for entry in registry.case(&case, &[]).await? {
//!     println!("{} {:?}", entry.index(), entry.record().body());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What it trusts
//!
//! The genesis file, what it remembers, and that of no committee, from that of the genesis file to that of today, a third
//! lies together. Who was a member and is none any more can deceive a reader that has seen nothing since
//! (`specs/decisions/011-governance-and-handover.md`).

mod fault;
mod following;
mod history;
mod memory;
mod node;
mod reach;
mod read;
mod status_list;
mod submit;

#[cfg(test)]
mod tests;

pub use fault::{Fault, ReadError};
pub use memory::MemoryError;
pub use reach::Reach;
pub use submit::{Receipt, Refusal, Relayed, SubmitError};

use std::sync::Arc;
use std::time::Duration;

use following::{Contact, Following};
use memory::Memory;
use node::Node;
use protocol::registry::Genesis;
use protocol::registry::checkpoint::VerifiedCheckpoint;
use reqwest::Client;

/// A node may be a moment behind the others: all are asked again after each of these pauses.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(150),
    Duration::from_millis(500),
    Duration::from_millis(1_500),
];

/// How a client reaches nodes.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which addresses it may ask.
    pub reach: Reach,
    /// The certificate authorities to trust, as DER; the system's if there are none.
    pub certificates: Vec<Vec<u8>>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A member's address may not be asked: it is plain http, and not on this machine in development.
    #[error("the address of member {member} is not https")]
    Address {
        /// The member.
        member: String,
    },
    /// No HTTPS client can be made with these certificates.
    #[error("no HTTPS client with these certificates")]
    Https(#[source] reqwest::Error),
}

/// Asks the nodes of a network, at random, and checks what they say.
#[derive(Debug)]
pub struct RegistryClient {
    genesis: Arc<Genesis>,
    http: Client,
    reach: Reach,
    following: Following,
    memory: Memory,
    pauses: [Duration; 3],
}

impl RegistryClient {
    /// A client of all nodes of a network.
    ///
    /// # Errors
    ///
    /// Fails if a member's address may not be asked or the certificates are unusable.
    pub fn new(genesis: Arc<Genesis>, options: &Options) -> Result<Self, ClientError> {
        let http = node::http(options).map_err(ClientError::Https)?;
        let mut members = genesis.parties().members().iter();
        if let Some(member) = members.find(|member| !options.reach.allows(member.url.url())) {
            let member = member.name.clone();
            return Err(ClientError::Address { member });
        }
        Ok(Self {
            http,
            reach: options.reach,
            following: Following::new(&genesis),
            memory: Memory::default(),
            pauses: PAUSES,
            genesis,
        })
    }

    /// The network's genesis.
    #[must_use]
    pub const fn genesis(&self) -> &Arc<Genesis> {
        &self.genesis
    }

    /// The newest checkpoint that this client has seen.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<VerifiedCheckpoint> {
        self.memory.last()
    }

    /// How many members must say what cannot be proved: one more than may be faulty.
    fn believed(&self) -> usize {
        let committees = self.committees();
        let members = committees.at(self.height());
        members.count() - members.quorum() + 1
    }

    /// The height of the newest block that this client knows of.
    fn height(&self) -> u64 {
        let seen = self.memory.last();
        let seen = seen.map_or(0, |seen| seen.checkpoint().height);
        seen.max(self.committees().followed())
    }

    /// Where the nodes of the members of today are, as far as they may be asked.
    fn contacts(&self) -> impl Iterator<Item = Contact> {
        let contacts = self.following.contacts_at(self.height());
        contacts.into_iter().filter(|contact| {
            let allowed = self.reach.allows(contact.url.url());
            if !allowed {
                tracing::warn!(member = contact.name, "a member's address may not be asked");
            }
            allowed
        })
    }

    fn node(&self, contact: &Contact) -> Node {
        Node::new(&contact.name, &contact.url, self.http.clone())
    }

    /// The node of the caller's own member, also of a suspended one.
    fn node_of(&self, member: &str) -> Option<Node> {
        let own = self.contacts().find(|contact| contact.name == member);
        own.map(|own| self.node(&own).of_own_member())
    }

    /// The nodes of the members in force in random order, without those to avoid. What a suspended member's node says counts
    /// for nothing: it may be why its member was suspended.
    fn shuffled(&self, avoid: &[&str]) -> Vec<Node> {
        let wanted = self
            .contacts()
            .filter(|contact| !contact.suspended && !avoid.contains(&contact.name.as_str()));
        let mut shuffled: Vec<Node> = wanted.map(|contact| self.node(&contact)).collect();
        for last in (1..shuffled.len()).rev() {
            let random = getrandom::u64().expect("the operating system gives randomness");
            let other = usize::try_from(random % (last as u64 + 1)).unwrap_or(last);
            shuffled.swap(last, other);
        }
        shuffled
    }
}
