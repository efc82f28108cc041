//! Seven relays and the queue between them.

use anyhow::Context;
use protocol::envelope::hpke::RecipientKey;
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::record::Record;
use protocol::registry::{KeyBytes, Member, MemberRole, NetworkId};
use protocol::relay::{Place, open_cell, read_content, relay_key, relay_public_key};
use rand_chacha::ChaCha20Rng;
use registry::relay::{Action, Committee, Relay, Settings};

use super::{COMPANIES, MEMBERS, Travelled};

pub(super) const NETWORK: NetworkId = NetworkId::from_bytes([3; 32]);

/// All members' relays.
pub(super) struct Members {
    relays: Vec<Relay>,
    keys: Vec<RecipientKey>,
    members: Vec<Member>,
    settings: Settings,
    travelled: Vec<Travelled>,
    pub(super) cells: usize,
    pub(super) cell_bytes: usize,
}

fn cosigning_key(number: usize) -> anyhow::Result<SigningKey> {
    let seed = u8::try_from(number)?;
    Ok(SigningKey::from_secret(Algorithm::EdDsa, &[seed + 1; 32])?)
}

fn key(number: usize) -> anyhow::Result<RecipientKey> {
    relay_key(&cosigning_key(number)?).context("a relay key")
}

fn member(number: usize) -> anyhow::Result<Member> {
    let public = cosigning_key(number)?.public_key().to_bytes();
    let public = <[u8; 32]>::try_from(public).ok().context("32 bytes")?;
    let role = if COMPANIES.contains(&number) {
        MemberRole::Company
    } else {
        MemberRole::Consortium
    };
    Ok(Member {
        name: format!("m{number}.example"),
        role,
        url: format!("https://m{number}.example").try_into()?,
        peer_address: format!("m{number}.example:7201"),
        consensus_key: KeyBytes::from_bytes([u8::try_from(number)? + 100; 32]),
        cosigning_key: KeyBytes::from_bytes(public),
        governance_key: KeyBytes::from_bytes([u8::try_from(number)? + 150; 32]),
        validator: true,
        suspended: false,
    })
}

impl Members {
    pub(super) fn new(settings: Settings) -> anyhow::Result<Self> {
        let mut members = Self {
            relays: Vec::new(),
            keys: (0..MEMBERS).map(key).collect::<anyhow::Result<_>>()?,
            members: (0..MEMBERS).map(member).collect::<anyhow::Result<_>>()?,
            settings,
            travelled: Vec::new(),
            cells: 0,
            cell_bytes: 0,
        };
        members.relays = members.fresh()?;
        Ok(members)
    }

    /// Names, addresses and keys of members, in the spellings in which they could stand in a message.
    pub(super) fn names(&self) -> Vec<Vec<u8>> {
        let of_member = |member: &Member| {
            let cosigning_key = member.cosigning_key.as_bytes();
            let relay_key = relay_public_key(cosigning_key).unwrap_or_default();
            [
                member.name.as_bytes().to_vec(),
                member.peer_address.as_bytes().to_vec(),
                member.url.as_str().as_bytes().to_vec(),
                member.consensus_key.as_bytes().to_vec(),
                cosigning_key.to_vec(),
                relay_key.to_vec(),
            ]
        };
        self.members.iter().flat_map(of_member).collect()
    }

    fn fresh(&self) -> anyhow::Result<Vec<Relay>> {
        (0..)
            .zip(&self.members)
            .map(|(number, member)| {
                let me = [*member.consensus_key.as_bytes()];
                let members = self.members.iter();
                let committee = Committee::new(NETWORK, members, &me, self.settings);
                Ok(Relay::new(committee, vec![key(number)?]))
            })
            .collect()
    }

    pub(super) const fn network(&self) -> NetworkId {
        NETWORK
    }

    /// A moment at the begin of a slot.
    pub(super) const fn begin_of(&self, slot: u64) -> u64 {
        slot * self.settings.slot_ms
    }

    pub(super) fn cascade(&self, slot: u64) -> Vec<usize> {
        let first = self.relays.first();
        first.map_or_else(Vec::new, |relay| relay.committee().cascade(slot))
    }

    pub(super) fn key(&self, member: usize) -> Option<&RecipientKey> {
        self.keys.get(member)
    }

    /// The cells of the last slot.
    pub(super) fn travelled(&self) -> &[Travelled] {
        &self.travelled
    }

    pub(super) fn offer(&mut self, company: usize, record: &Record) -> anyhow::Result<()> {
        let relay = self.relays.get_mut(company).context("a company's relay")?;
        Ok(relay.offer(record.as_bytes())?)
    }

    /// Lets all members do what they do in a slot; gives the records that appear, with the node where they do.
    pub(super) fn slot(&mut self, slot: u64, rng: &mut ChaCha20Rng) -> Vec<(usize, Vec<u8>)> {
        let now_ms = self.begin_of(slot);
        let mut todo = Vec::new();
        for (number, relay) in self.relays.iter_mut().enumerate() {
            // The first look of all shows a relay which slot it is; the slot before this one has nothing in it.
            if slot == 1 {
                relay.tick(0, rng);
            }
            let actions = relay.tick(now_ms, rng);
            todo.extend(actions.into_iter().map(|action| (number, action)));
        }
        self.travelled.clear();
        self.carry(todo, now_ms, rng)
    }

    /// Lets one member alone send its cells, and the others pass on what they have without waiting for more.
    pub(super) fn alone(
        &mut self,
        slot: u64,
        company: usize,
        record: &Record,
        rng: &mut ChaCha20Rng,
    ) -> anyhow::Result<Vec<(usize, Vec<u8>)>> {
        self.relays = self.fresh()?;
        let (before_ms, now_ms) = (self.begin_of(slot - 1), self.begin_of(slot));
        let relay = self.relays.get_mut(company).context("a company's relay")?;
        relay.tick(before_ms, rng);
        relay.offer(record.as_bytes())?;
        let sent = relay.tick(now_ms, rng);
        self.travelled.clear();
        let todo = sent.into_iter().map(|action| (company, action)).collect();
        let mut appeared = self.carry(todo, now_ms, rng);
        let later_ms = now_ms + self.settings.slot_ms;
        for number in 0..MEMBERS {
            let relay = self.relays.get_mut(number).context("a relay")?;
            let actions = relay.tick(later_ms, rng);
            // What the lone sender does in the slot after it is nobody's business here.
            let of_slot = |action: &Action| match action {
                Action::Send(_, message) => message.place.slot == slot,
                Action::Submit(_) => true,
            };
            let actions = actions.into_iter().filter(of_slot);
            let todo = actions.map(|action| (number, action)).collect();
            appeared.extend(self.carry(todo, later_ms, rng));
        }
        Ok(appeared)
    }

    fn carry(
        &mut self,
        mut todo: Vec<(usize, Action)>,
        now_ms: u64,
        rng: &mut ChaCha20Rng,
    ) -> Vec<(usize, Vec<u8>)> {
        let mut appeared = Vec::new();
        while !todo.is_empty() {
            let mut next = Vec::new();
            for (from, action) in todo {
                match action {
                    Action::Submit(record) => appeared.push((from, record)),
                    Action::Send(to, message) => {
                        self.cells += 1;
                        self.cell_bytes += message.cell.len();
                        if let Some(relay) = self.relays.get_mut(to) {
                            let actions = relay.receive(from, message.clone(), now_ms, rng);
                            next.extend(actions.into_iter().map(|action| (to, action)));
                        }
                        self.travelled.push(Travelled { from, to, message });
                    }
                }
            }
            todo = next;
        }
        appeared
    }

    /// Whether a cell that enters a cascade holds nothing; nobody in the network could say.
    pub(super) fn is_dummy(&self, slot: u64, cell: &[u8]) -> bool {
        let mut cell = cell.to_vec();
        for (hop, node) in (0..).zip(self.cascade(slot)) {
            let Some(key) = self.key(node) else {
                return true;
            };
            match open_cell(key, &NETWORK, Place { slot, hop }, &cell) {
                Ok(opened) => cell = opened.to_vec(),
                Err(_) => return true,
            }
        }
        !matches!(read_content(&cell), Ok(Some(_)))
    }
}
