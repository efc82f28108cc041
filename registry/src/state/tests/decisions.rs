//! Random decisions, right and wrong ones, beside a model of the rules that shares no code with the state, and a reader who
//! knows the genesis file alone.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::checkpoint::{Committees, Handover, write_checkpoint};
use protocol::registry::governance::Change;
use protocol::registry::record::{Approval, Author, Body, Proposal, Record};
use protocol::registry::{Issuer, KeyBytes, Member, RecordId};

use super::network::*;
use crate::state::State;

/// Members that there are or may be.
const PARTIES: u8 = 7;
const TERM_SECONDS: u64 = 40;

#[derive(Clone, Debug)]
struct Move {
    deed: Deed,
    /// Whose key signs, and which version of it.
    by: (u8, u8),
    /// Blocks since the move before.
    blocks: u64,
}

#[derive(Clone, Debug)]
enum Deed {
    Propose {
        what: What,
        about: u8,
        version: u8,
        wished: u64,
        lapsed: bool,
    },
    Approve {
        which: u8,
    },
}

#[derive(Clone, Copy, Debug)]
enum What {
    Admit,
    Remove,
    Suspend,
    Reinstate,
    Update,
    Observe,
    RegisterIssuer,
    RetireIssuer,
    Publish,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let what = prop_oneof![
        4 => Just(What::Admit),
        2 => Just(What::Remove),
        2 => Just(What::Suspend),
        2 => Just(What::Reinstate),
        3 => Just(What::Update),
        2 => Just(What::Observe),
        2 => Just(What::RegisterIssuer),
        1 => Just(What::RetireIssuer),
        1 => Just(What::Publish),
    ];
    let wished = prop_oneof![4 => Just(0_u64), 1 => 0..120_u64];
    let propose = (
        what,
        0..PARTIES,
        0..3_u8,
        wished,
        prop::bool::weighted(0.05),
    );
    let propose = propose.prop_map(|(what, about, version, wished, lapsed)| Deed::Propose {
        what,
        about,
        version,
        wished,
        lapsed,
    });
    let approve = (0..6_u8).prop_map(|which| Deed::Approve { which });
    let deed = prop_oneof![2 => propose, 7 => approve];
    let version = prop_oneof![8 => Just(0_u8), 2 => 1..3_u8];
    let one = (
        deed,
        (0..PARTIES, version),
        prop_oneof![6 => Just(0_u64), 3 => 1..4_u64, 1 => 5..25_u64],
    );
    let one = one.prop_map(|(deed, by, blocks)| Move { deed, by, blocks });
    prop::collection::vec(one, 1..120)
}

/// The governance key of a member; version 0 is the one that it had first.
fn governor_of(n: u8, version: u8) -> SigningKey {
    match version {
        0 => governor(n),
        version => SigningKey::from_secret(
            Algorithm::EdDsa,
            &[version, n, 77].repeat(11)[..32].try_into().unwrap(),
        )
        .unwrap(),
    }
}

fn updated(n: u8, version: u8, validator: bool) -> Member {
    Member {
        governance_key: public(&governor_of(n, version)),
        validator,
        ..member(n)
    }
}

fn change(what: What, about: u8, version: u8) -> Change {
    let name = member(about).name;
    match what {
        What::Admit => Change::AdmitMember {
            member: member(about),
        },
        What::Remove => Change::RemoveMember { name },
        What::Suspend => Change::SuspendMember { name },
        What::Reinstate => Change::ReinstateMember { name },
        What::Update => Change::UpdateMember {
            member: updated(about, version, true),
        },
        What::Observe => Change::UpdateMember {
            member: updated(about, 0, false),
        },
        What::RegisterIssuer => {
            let mut issuer = issuer_entry(about % 3);
            issuer.member = member(version).name;
            if version == 2 {
                issuer.record_key = public(&key(80 + about));
            }
            Change::RegisterIssuer { issuer }
        }
        What::RetireIssuer => Change::RetireIssuer {
            id: issuer_entry(about % 3).id.as_str().to_owned(),
        },
        What::Publish => Change::PublishDefinition {
            definition: definition(u32::from(version) + 2, 200 + u64::from(about), &[2]),
        },
    }
}

/// Who takes part, as plain lists.
#[derive(Clone, Debug, PartialEq)]
struct Sides {
    members: Vec<Member>,
    issuers: Vec<Issuer>,
    /// Version and activation height.
    definitions: Vec<(u32, u64)>,
}

/// The rules of governance once more, read from the specification.
struct Model {
    first: Sides,
    /// What was adopted, in that order, with the height from which it holds.
    adopted: Vec<(u64, Change)>,
    pending: BTreeMap<RecordId, (Proposal, KeyBytes, BTreeSet<KeyBytes>)>,
    done: BTreeSet<RecordId>,
}

impl Model {
    fn new() -> Self {
        let genesis = genesis();
        let parties = genesis.parties();
        let definitions = parties.process_definitions().iter();
        Self {
            first: Sides {
                members: parties.members().to_vec(),
                issuers: parties.issuers().to_vec(),
                definitions: definitions
                    .map(|definition| (definition.version, definition.activation_height))
                    .collect(),
            },
            adopted: Vec::new(),
            pending: BTreeMap::new(),
            done: BTreeSet::new(),
        }
    }

    /// What holds at a height; none if a change could not be made there.
    fn sides_at(&self, height: u64, more: Option<&(u64, Change)>) -> Option<Sides> {
        let mut sides = self.first.clone();
        for (effect, change) in self.adopted.iter().chain(more) {
            if *effect <= height {
                make(&mut sides, change, *effect)?;
            }
        }
        Some(sides)
    }

    fn in_force(&self, height: u64) -> Vec<Member> {
        let members = self.sides_at(height, None).unwrap().members;
        members
            .into_iter()
            .filter(|member| !member.suspended)
            .collect()
    }

    /// From when on a change holds that is adopted now; none if it cannot be.
    fn effect(&self, change: &Change, wished: u64, height: u64) -> Option<u64> {
        let boundary = |height: u64| height.div_ceil(EPOCH_BLOCKS) * EPOCH_BLOCKS;
        let effect = if change.is_of_membership() {
            boundary(wished).max((height / EPOCH_BLOCKS + 2) * EPOCH_BLOCKS)
        } else {
            wished.max(height + 1)
        };
        let made = (effect, change.clone());
        let mut heights: BTreeSet<u64> = self.adopted.iter().map(|(effect, _)| *effect).collect();
        heights.insert(effect);
        heights.insert(height);
        let mut committees = 0;
        let mut last = None;
        for at in heights.into_iter().filter(|at| *at >= height) {
            let sides = self.sides_at(at, Some(&made))?;
            if last.as_ref().is_some_and(|last| *last != sides.members) {
                committees += 1;
            }
            last = Some(sides.members);
        }
        (committees <= 4).then_some(effect)
    }

    /// Whether the ledger takes the record, as the specification says.
    fn take(&mut self, record: &Record, height: u64) -> bool {
        let now = block(height).time;
        let Author::Ed25519(author) = record.author() else {
            return false;
        };
        let author = KeyBytes::from_bytes(*author);
        let members = self.in_force(height);
        if !members.iter().any(|member| member.governance_key == author)
            || self.done.contains(&record.id())
        {
            return false;
        }
        let id = match record.body() {
            Body::Proposal(proposal) => {
                let waiting = self
                    .pending
                    .values()
                    .filter(|(waiting, by, _)| *by == author && waiting.expires >= now);
                if proposal.expires <= now
                    || waiting.count() >= 8
                    || self
                        .effect(&proposal.change, proposal.activation_height, height)
                        .is_none()
                {
                    return false;
                }
                self.pending
                    .retain(|_, (waiting, _, _)| waiting.expires >= now);
                self.pending.insert(
                    record.id(),
                    ((**proposal).clone(), author, BTreeSet::from([author])),
                );
                record.id()
            }
            Body::Approval(approval) => {
                let Some((proposal, _, approvals)) = self.pending.get(&approval.proposal) else {
                    return false;
                };
                if proposal.expires < now || approvals.contains(&author) {
                    return false;
                }
                let decides = counted(&members, approvals, Some(author)) >= quorum(members.len());
                if decides
                    && self
                        .effect(&proposal.change, proposal.activation_height, height)
                        .is_none()
                {
                    return false;
                }
                self.pending
                    .get_mut(&approval.proposal)
                    .unwrap()
                    .2
                    .insert(author);
                approval.proposal
            }
            other => panic!("{other:?}"),
        };
        self.done.insert(record.id());
        let (proposal, _, approvals) = &self.pending[&id];
        if counted(&members, approvals, None) >= quorum(members.len()) {
            let effect = self
                .effect(&proposal.change, proposal.activation_height, height)
                .unwrap();
            self.adopted.push((effect, proposal.change.clone()));
            self.pending.remove(&id);
        }
        true
    }
}

/// More than two thirds.
fn quorum(members: usize) -> usize {
    (1..=members)
        .find(|quorum| members - quorum <= (members - 1) / 3)
        .unwrap()
}

fn counted(members: &[Member], approvals: &BTreeSet<KeyBytes>, more: Option<KeyBytes>) -> usize {
    let agrees = |member: &&Member| {
        approvals.contains(&member.governance_key) || more == Some(member.governance_key)
    };
    members.iter().filter(agrees).count()
}

fn make(sides: &mut Sides, change: &Change, effect: u64) -> Option<()> {
    let before = sides.clone();
    let at = |name: &str| before.members.iter().position(|member| member.name == name);
    match change {
        Change::AdmitMember { member } => sides.members.push(member.clone()),
        Change::RemoveMember { name } => drop(sides.members.remove(at(name)?)),
        Change::SuspendMember { name } => sides.members[at(name)?].suspended = true,
        Change::ReinstateMember { name } => sides.members[at(name)?].suspended = false,
        Change::UpdateMember { member } => {
            let at = at(&member.name)?;
            if before.members[at].suspended {
                return None;
            }
            sides.members[at] = member.clone();
        }
        Change::RegisterIssuer { issuer } => match before
            .issuers
            .iter()
            .position(|known| known.id == issuer.id)
        {
            None => sides.issuers.push(issuer.clone()),
            Some(at) => {
                let old = &before.issuers[at];
                let mut new = issuer.clone();
                new.former_record_keys.clone_from(&old.former_record_keys);
                if old.record_key != new.record_key {
                    new.former_record_keys.push(old.record_key);
                }
                sides.issuers[at] = new;
            }
        },
        Change::RetireIssuer { id } => {
            let at = before
                .issuers
                .iter()
                .position(|issuer| issuer.id.as_str() == id)?;
            sides.issuers[at].retired = true;
        }
        Change::PublishDefinition { definition } => {
            sides
                .definitions
                .push((definition.version, definition.activation_height.max(effect)));
        }
        other => panic!("{other:?}"),
    }
    (*sides != before && fits(sides)).then_some(())
}

/// Names and keys differ, somebody votes, issuers belong to somebody, definitions follow one another.
fn fits(sides: &Sides) -> bool {
    let differ =
        |values: Vec<Vec<u8>>| values.iter().collect::<BTreeSet<_>>().len() == values.len();
    let of = |part: &dyn Fn(&Member) -> Vec<u8>| sides.members.iter().map(part).collect::<Vec<_>>();
    let mut record_keys: Vec<Vec<u8>> = Vec::new();
    for issuer in &sides.issuers {
        let keys = issuer.former_record_keys.iter().chain([&issuer.record_key]);
        record_keys.extend(keys.map(|key| key.as_bytes().to_vec()));
    }
    let homes = |issuer: &Issuer| {
        issuer.retired
            || sides
                .members
                .iter()
                .any(|member| member.name == issuer.member)
    };
    let versions: Vec<u32> = sides
        .definitions
        .iter()
        .map(|(version, _)| *version)
        .collect();
    differ(of(&|member| member.name.as_bytes().to_vec()))
        && differ(of(&|member| member.governance_key.as_bytes().to_vec()))
        && differ(record_keys)
        && sides
            .members
            .iter()
            .any(|member| member.validator && !member.suspended)
        && sides.issuers.iter().all(homes)
        && versions
            .iter()
            .zip(1..)
            .all(|(version, next)| *version == next)
        && sides.definitions.is_sorted_by(|a, b| a.1 < b.1)
}

/// A reader who knows the genesis file, and is shown every checkpoint with its document.
struct Reader(Committees);

impl Reader {
    fn read(&mut self, state: &State<'_>) {
        let (checkpoint, document) = state.signed();
        let members = state.parties_at(checkpoint.height).members_in_force();
        let keys: Vec<SigningKey> = members
            .map(|member| {
                (0..PARTIES)
                    .find(|n| *member.name == super::network::member(*n).name)
                    .unwrap()
            })
            .map(|n| key(220 + n))
            .collect();
        let now = block(checkpoint.height).time;
        let committees = state.committees();
        let cosigners = committees.at(checkpoint.height);
        let signatures: Vec<_> = keys
            .iter()
            .take(cosigners.quorum())
            .map(|key| cosigners.cosign(&checkpoint, key, now).unwrap())
            .collect();
        let handover = Handover {
            checkpoint: write_checkpoint(&checkpoint, &signatures).unwrap(),
            document: document.to_string(),
        };
        self.0.follow(&handover).unwrap();
        assert_eq!(self.0.at(checkpoint.height), cosigners);
    }
}

/// What a run has reached, so that it is known to prove something.
type Reached = BTreeMap<String, usize>;

fn play(moves: &[Move], reached: &mut Reached) {
    let (mut state, mut model) = (State::new(genesis()), Model::new());
    let mut reader = Reader(genesis().committees().clone());
    let mut fixed: BTreeMap<u64, Vec<Member>> = BTreeMap::new();
    let mut height = 1;
    let mut proposals: Vec<RecordId> = Vec::new();
    for made in moves {
        for ended in height..height + made.blocks {
            if state.end_block(ended) {
                reader.read(&state);
            }
        }
        height += made.blocks;
        let record = record(made, height, &proposals);
        let expected = model.take(&record, height);
        let adopted = state.adopted().count();
        let tried = state.fork().apply(&record, &block(height));
        let applied = state.apply(&record, &block(height));
        assert_eq!(tried, applied);
        assert_eq!(
            applied.is_ok(),
            expected,
            "{made:?} at {height}: {applied:?}"
        );
        let word = match applied {
            Ok(_) if state.adopted().count() > adopted => format!("adopted {}", kind(&model)),
            Ok(_) => format!("taken {}", record.body().kind()),
            Err(rejection) => format!("{rejection:?}")
                .split(' ')
                .next()
                .unwrap()
                .to_owned(),
        };
        *reached.entry(word).or_default() += 1;
        if expected && matches!(record.body(), Body::Proposal(_)) {
            proposals.push(record.id());
        }
        assert_same(&state, &model, height);
        for epoch in 0..=height / EPOCH_BLOCKS + 1 {
            let committee = state
                .committee_of_epoch(epoch, height - 1)
                .unwrap()
                .to_vec();
            let before = fixed.entry(epoch).or_insert_with(|| committee.clone());
            assert_eq!(
                *before, committee,
                "the committee of epoch {epoch} is fixed"
            );
        }
    }
}

fn record(made: &Move, height: u64, proposals: &[RecordId]) -> Record {
    let body = match &made.deed {
        Deed::Propose {
            what,
            about,
            version,
            wished,
            lapsed,
        } => {
            let now = block(height).time;
            Body::Proposal(Box::new(Proposal {
                activation_height: *wished,
                expires: if *lapsed {
                    now
                } else {
                    now.plus_seconds(TERM_SECONDS)
                },
                change: change(*what, *about, *version),
            }))
        }
        Deed::Approve { which } => {
            let latest = proposals.len().checked_sub(1 + usize::from(*which));
            let proposal = latest.map_or(RecordId::from_bytes([9; 32]), |at| proposals[at]);
            Body::Approval(Approval { proposal })
        }
    };
    sign(body, &governor_of(made.by.0, made.by.1))
}

fn assert_same(state: &State<'_>, model: &Model, height: u64) {
    let effects: Vec<u64> = state.adopted().map(crate::state::Adopted::effect).collect();
    let expected: Vec<u64> = model.adopted.iter().map(|(effect, _)| *effect).collect();
    assert_eq!(effects, expected);
    let later = expected.iter().copied().filter(|effect| *effect > height);
    for at in later.chain([height]) {
        let (parties, sides) = (state.parties_at(at), model.sides_at(at, None).unwrap());
        assert_eq!(parties.members(), sides.members);
        assert_eq!(parties.issuers(), sides.issuers);
        assert_eq!(parties.process_definitions().len(), sides.definitions.len());
    }
    let waiting: BTreeSet<RecordId> = state.proposals().map(|(id, _)| id).collect();
    assert_eq!(waiting, model.pending.keys().copied().collect());
}

fn kind(model: &Model) -> String {
    let (_, change) = model.adopted.last().unwrap();
    format!("{change:?}").split(' ').next().unwrap().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_decision_is_what_the_rules_say_and_every_reader_can_follow(moves in moves()) {
        play(&moves, &mut Reached::new());
    }
}

/// Random moves prove something only if they reach every rule.
#[test]
fn the_random_decisions_reach_every_rule() {
    let mut runner = TestRunner::deterministic();
    let mut reached = Reached::new();
    for _run in 0..150 {
        let moves = moves().new_tree(&mut runner).unwrap().current();
        play(&moves, &mut reached);
    }
    for word in [
        "adopted AdmitMember",
        "adopted RemoveMember",
        "adopted SuspendMember",
        "adopted ReinstateMember",
        "adopted UpdateMember",
        "adopted RegisterIssuer",
        "adopted RetireIssuer",
        "adopted PublishDefinition",
        "taken 7",
        "taken 8",
        "Conflict",
        "Duplicate",
        "Expired",
        "NotAuthorised",
        "TooMany",
        "Unfit",
        "Unknown",
    ] {
        assert!(
            reached.get(word).is_some_and(|times| *times >= 3),
            "{word}: {reached:?}"
        );
    }
}
