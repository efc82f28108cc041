//! Random decisions, right and wrong ones, beside a model of the rules that shares no code with the state, and a reader who
//! knows the genesis file alone.

mod model;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::checkpoint::{Committees, Handover, write_checkpoint};
use protocol::registry::governance::Change;
use protocol::registry::record::{Approval, Body, Proposal, Record};
use protocol::registry::{Member, RecordId};

use super::network::*;
use crate::state::State;
use model::Model;

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
    let approve = (0..3_u8).prop_map(|which| Deed::Approve { which });
    let deed = prop_oneof![2 => propose, 7 => approve];
    let version = prop_oneof![14 => Just(0_u8), 1 => 1..3_u8];
    let who = prop_oneof![9 => 0..4_u8, 1 => 0..PARTIES];
    let one = (
        deed,
        (who, version),
        prop_oneof![8 => Just(0_u64), 2 => 1..4_u64, 1 => 5..15_u64],
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
    // Two members are suspended and reinstated again and again.
    let about = match what {
        What::Suspend | What::Reinstate => 2 + about % 2,
        What::Admit
        | What::Remove
        | What::Update
        | What::Observe
        | What::RegisterIssuer
        | What::RetireIssuer
        | What::Publish => about,
    };
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
        "Unfit",
        "Unknown",
    ] {
        assert!(reached.contains_key(word), "{word}: {reached:?}");
    }
}
