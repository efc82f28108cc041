//! Whose signatures count, and where the members' nodes are: followed from the genesis file through the log
//! (`specs/registry.md`, "Handovers").

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::json::{self, Limits};
use protocol::registry::checkpoint::{
    Committees, Handover, HandoverError, UnverifiedCheckpoint, VerifiedCheckpoint,
};
use protocol::registry::{Genesis, Member, ServiceUrl, TrustedParties};
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::read::{TRUSTED_PARTIES_BYTES_MAX, TrustedPartiesAnswer};
use crate::{Fault, RegistryClient};

/// Documents come as strings in JSON, several in one answer.
const HANDOVERS_BYTES_MAX: usize = 2 * TRUSTED_PARTIES_BYTES_MAX;
/// Answers of handovers that are taken from one node at a time: more than a network ever makes.
const PAGES_MAX: usize = 1_000;

/// Where a member's node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contact {
    pub(crate) name: String,
    pub(crate) url: ServiceUrl,
    /// Whether the member takes no part: its own users may ask its node, and nobody else does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) suspended: bool,
}

/// The contacts of the members from a height on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contacts {
    from: u64,
    members: Vec<Contact>,
}

impl Contacts {
    fn of(from: u64, members: &[Member]) -> Self {
        let members = members.iter().map(|member| Contact {
            name: member.name.clone(),
            url: member.url.clone(),
            suspended: member.suspended,
        });
        Self {
            from,
            members: members.collect(),
        }
    }
}

/// What a client has followed.
#[derive(Debug)]
pub(crate) struct Following(Mutex<Followed>);

#[derive(Debug)]
struct Followed {
    committees: Arc<Committees>,
    contacts: Vec<Contacts>,
}

impl Following {
    pub(crate) fn new(genesis: &Genesis) -> Self {
        Self(Mutex::new(Followed {
            committees: Arc::new(genesis.committees().clone()),
            contacts: vec![Contacts::of(0, genesis.parties().members())],
        }))
    }

    /// Who signs, as far as is known.
    pub(crate) fn committees(&self) -> Arc<Committees> {
        Arc::clone(&self.lock().committees)
    }

    /// All that was followed, to be remembered.
    pub(crate) fn known(&self) -> (Arc<Committees>, Vec<Contacts>) {
        let followed = self.lock();
        (Arc::clone(&followed.committees), followed.contacts.clone())
    }

    /// Goes on from what was remembered.
    pub(crate) fn recall(&self, committees: Committees, contacts: Vec<Contacts>) {
        *self.lock() = Followed {
            committees: Arc::new(committees),
            contacts,
        };
    }

    /// Where the nodes of the members of this height are.
    pub(crate) fn contacts_at(&self, height: u64) -> Vec<Contact> {
        let followed = self.lock();
        let mut newest_first = followed.contacts.iter().rev();
        let sitting = newest_first.find(|contacts| contacts.from <= height);
        let sitting = sitting.or(followed.contacts.first());
        sitting.map_or_else(Vec::new, |contacts| contacts.members.clone())
    }

    /// Learns from a verified document who signs, and where their nodes are.
    pub(crate) fn learn(
        &self,
        checkpoint: &VerifiedCheckpoint,
        trusted: &TrustedParties,
    ) -> Result<(), HandoverError> {
        let height = checkpoint.checkpoint().height;
        let mut followed = self.lock();
        let is_news = height >= followed.committees.followed();
        Arc::make_mut(&mut followed.committees).learn(checkpoint, trusted)?;
        if is_news {
            let scheduled = trusted.scheduled().iter();
            let scheduled = scheduled.map(|next| Contacts::of(next.height, &next.members));
            followed.contacts = vec![Contacts::of(height, trusted.parties().members())];
            followed.contacts.extend(scheduled);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Followed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct HandoversAnswer {
    handovers: Vec<Handover>,
}

impl RegistryClient {
    /// Whose signatures count on checkpoints, as far as this client has followed the ledger: for what is checked offline.
    #[must_use]
    pub fn committees(&self) -> Arc<Committees> {
        self.following.committees()
    }

    /// Checks an answer of a node under the committees that are known. If it may be of members that are not known yet, the
    /// node has to show how they came to sign, and the answer is checked once more.
    pub(crate) async fn checked<T>(
        &self,
        node: &Node,
        verify: impl Fn(&Committees) -> Result<(T, Option<VerifiedCheckpoint>), Fault>,
    ) -> Result<(T, Option<VerifiedCheckpoint>), Fault> {
        let checked = match verify(&self.committees()) {
            Err(fault) if fault.may_be_of_other_members() => match self.follow(node).await {
                Ok(true) => verify(&self.committees())?,
                Ok(false) | Err(_) => return Err(fault),
            },
            checked => checked?,
        };
        let height = checked
            .1
            .as_ref()
            .map_or(0, |seen| seen.checkpoint().height);
        if height <= self.committees().settled_until() {
            return Ok(checked);
        }
        self.follow(node).await?;
        if height <= self.committees().settled_until() {
            return verify(&self.committees());
        }
        let committees = self.follow_latest(node).await?;
        verify(&committees)
    }

    /// Follows all handovers that a node has; whether there were any.
    async fn follow(&self, node: &Node) -> Result<bool, Fault> {
        let limits = Limits::DEFAULT
            .with_bytes(HANDOVERS_BYTES_MAX)
            .with_string(TRUSTED_PARTIES_BYTES_MAX);
        for page in 0..PAGES_MAX {
            let from = self.committees().followed().saturating_add(1);
            let path = format!("/handovers?from={from}");
            let Some(body) = node.get(&path, HANDOVERS_BYTES_MAX).await? else {
                return Ok(page > 0);
            };
            let answer: HandoversAnswer =
                json::parse_as(&body, &limits).map_err(|_cause| Fault::Malformed)?;
            if answer.handovers.is_empty() {
                return Ok(page > 0);
            }
            for shown in &answer.handovers {
                let announced = self.announced(node, &shown.checkpoint, &shown.document);
                let (checkpoint, trusted) = announced.await?;
                self.following.learn(&checkpoint, &trusted)?;
            }
            if self.committees().followed() < from {
                return Err(Fault::Malformed);
            }
        }
        Ok(true)
    }

    /// The committees as of a node's latest document, after all of its handovers: what it does not announce is not decided.
    ///
    /// That no handover was left out cannot be proved. Unless enough members say so, this is not learned: a reader that has
    /// passed over a committee would never hear of it again.
    async fn follow_latest(&self, node: &Node) -> Result<Arc<Committees>, Fault> {
        let is_complete = node.is_own() || self.follow_others(node).await;
        let body = node.get("/trusted-parties", TRUSTED_PARTIES_BYTES_MAX);
        let body = body.await?.ok_or(Fault::Stale)?;
        let answer = TrustedPartiesAnswer::parse(&body)?;
        let announced = self.announced(node, &answer.checkpoint, &answer.document);
        let (checkpoint, trusted) = announced.await?;
        let mut committees = self.committees();
        Arc::make_mut(&mut committees).learn(&checkpoint, &trusted)?;
        if is_complete {
            self.following.learn(&checkpoint, &trusted)?;
        }
        Ok(committees)
    }

    /// Follows what other members' nodes have beyond a node's handovers; whether so many have no more that one of them is
    /// honest.
    async fn follow_others(&self, node: &Node) -> bool {
        let mut agree = 1;
        for other in self.shuffled(&[node.name()]) {
            if agree >= self.believed() {
                break;
            }
            match self.follow(&other).await {
                Ok(_) => agree += 1,
                Err(fault) => {
                    tracing::warn!(node = other.name(), %fault, "no handovers to compare with");
                }
            }
        }
        agree >= self.believed()
    }

    /// A checkpoint with its document, of a ledger that contradicts nothing seen before: the keys of members that left sign
    /// any other one, and a reader must not learn from it who follows them.
    async fn announced(
        &self,
        node: &Node,
        checkpoint: &str,
        document: &str,
    ) -> Result<(VerifiedCheckpoint, TrustedParties), Fault> {
        let checkpoint = UnverifiedCheckpoint::parse(checkpoint.as_bytes())?;
        let checkpoint = checkpoint.verify(&self.committees())?;
        let trusted = TrustedParties::verify(document, &checkpoint)?;
        self.memory.admit(&checkpoint, node).await?;
        Ok((checkpoint, trusted))
    }
}
