mod decisions;

use super::{
    Fingerprint, Forecast, Proposed, Standing, Strength, View,
    arguments::{ChangeArguments, RotateArguments},
    describe, failure,
    plain::Page,
    preview,
};
use crate::{
    fixture::{NOW, Network, governor, key},
    replica::Adoption,
    state::{BlockContext, State},
};
use protocol::registry::{
    KeyBytes, Member, RecordId, Step, TrustedParties,
    checkpoint::{UnverifiedCheckpoint, write_checkpoint},
    governance::{Change, ChangeError},
    record::{Approval, Body, Proposal, Record},
};

/// A ledger of four members with epochs of 1,000 blocks, on which records stand.
struct World {
    network: Network,
    state: State<'static>,
    log: Vec<Record>,
    height: u64,
}

impl World {
    fn new() -> Self {
        Self::of(4)
    }

    fn of(members: u8) -> Self {
        let network = Network::of(members);
        Self {
            state: State::new(network.genesis.clone()),
            network,
            log: Vec::new(),
            height: 0,
        }
    }

    fn apply(&mut self, record: Record) -> RecordId {
        self.apply_at(self.height + 1, record)
    }

    fn apply_at(&mut self, height: u64, record: Record) -> RecordId {
        self.height = height;
        let time = NOW.plus_seconds(self.height);
        let block = BlockContext {
            height: self.height,
            time,
        };
        self.state.apply(&record, &block).unwrap();
        self.state.end_block(self.height);
        let id = record.id();
        self.log.push(record);
        id
    }

    fn propose(&mut self, by: u8, change: Change) -> RecordId {
        self.apply(self.network.proposal(by, change))
    }

    fn sign(&self, by: u8, body: Body) -> Record {
        Record::sign(self.network.genesis.network(), body, &governor(by))
    }

    fn approve(&mut self, by: u8, proposal: RecordId) {
        let approval = self.sign(by, Body::Approval(Approval { proposal }));
        self.apply(approval);
    }

    fn decide(&mut self, change: Change) -> RecordId {
        self.decide_for(0, change)
    }

    fn decide_for(&mut self, activation_height: u64, change: Change) -> RecordId {
        let proposal = Proposal {
            activation_height,
            expires: NOW.plus_seconds(24 * 60 * 60),
            change,
        };
        let id = self.apply(self.sign(0, Body::Proposal(Box::new(proposal))));
        self.approve(1, id);
        self.approve(2, id);
        id
    }

    /// What an honest node shows of it.
    fn view(&self) -> View {
        let (checkpoint, document) = self.state.signed();
        let committees = self.network.genesis.committees().clone();
        let cosigners = self.network.genesis.cosigners();
        let sign = |member| cosigners.cosign(&checkpoint, &key(member), NOW).unwrap();
        let members = self.network.genesis.parties().members();
        let signatures: Vec<_> = (0..).zip(members).map(|(n, _)| sign(n)).collect();
        let note = write_checkpoint(&checkpoint, &signatures).unwrap();
        let checkpoint = UnverifiedCheckpoint::parse(note.as_bytes())
            .unwrap()
            .verify(&committees)
            .unwrap();
        let trusted = TrustedParties::verify(&document, &checkpoint).unwrap();
        let waiting = self
            .state
            .proposals()
            .map(|(_, pending)| (pending.index(), pending.approvals(), None));
        let adopted = self.state.adopted().map(|adopted| {
            let (height, effect) = (adopted.adopted_at(), adopted.effect());
            (
                adopted.index(),
                adopted.approvals().to_vec(),
                Some(Adoption { height, effect }),
            )
        });
        let author = |index: u64| match self.log[usize::try_from(index).unwrap()].author() {
            protocol::registry::record::Author::Ed25519(key) => KeyBytes::from_bytes(*key),
            other => panic!("{other:?}"),
        };
        let proposed = |(index, approvals, adopted): (u64, Vec<u64>, Option<Adoption>)| {
            let record = &self.log[usize::try_from(index).unwrap()];
            let Body::Proposal(proposal) = record.body() else {
                panic!("no proposal")
            };
            Proposed {
                id: record.id(),
                index,
                last_index: approvals.last().copied().unwrap_or(index),
                proposal: (**proposal).clone(),
                approvals: [index].into_iter().chain(approvals).map(author).collect(),
                adopted,
            }
        };
        let mut proposals: Vec<Proposed> = waiting.chain(adopted).map(proposed).collect();
        proposals.sort_by_key(|proposed| proposed.index);
        View {
            checkpoint,
            trusted,
            committees,
            height: self.height,
            proposals,
        }
    }
}

fn suspend(n: u8) -> Change {
    Change::SuspendMember {
        name: Network::member(n).name,
    }
}

fn page(view: &View, forecast: &Forecast) -> String {
    let mut page = Page::default();
    preview::forecast(&mut page, view, forecast);
    for warning in preview::warnings(view, forecast, NOW) {
        page.bullet("!", &warning);
    }
    // Lines are broken for the eye alone.
    page.into_text()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn forecast(view: &View, change: &Change) -> Forecast {
    Forecast::of(view, change, 0).unwrap()
}

#[test]
fn a_forecast_says_what_the_ledger_then_does() {
    for change in [Network::admission(4), suspend(3)] {
        let mut world = World::new();
        let view = world.view();
        let foreseen = forecast(&view, &change);
        let id = world.decide(change);
        let adopted = world.state.adopted().next().unwrap();
        assert_eq!(
            (adopted.record(), adopted.effect()),
            (id, foreseen.timing.effect)
        );
        assert_eq!(**world.state.parties_at(adopted.effect()), foreseen.after);
        assert_eq!(
            (foreseen.timing.effect, foreseen.timing.decide_by),
            (2_000, 999)
        );
    }
    let definition = {
        let world = World::new();
        let parties = world.view().trusted.parties().clone();
        let mut next = parties.process_definitions()[0].clone();
        (next.version, next.activation_height) = (2, 500);
        next
    };
    let mut world = World::new();
    let change = Change::PublishDefinition { definition };
    let foreseen = forecast(&world.view(), &change);
    world.decide(change);
    let effect = world.state.adopted().next().unwrap().effect();
    // It is decided two blocks later than it could have been.
    assert_eq!(effect, foreseen.timing.effect + 2);
    assert_eq!(
        world
            .state
            .parties_at(500)
            .process_definition_at(500)
            .version,
        2
    );
}

#[test]
fn the_strength_of_a_network_is_told_before_and_after() {
    let world = World::new();
    let view = world.view();
    let stronger = forecast(&view, &Network::admission(4));
    let (now, then) = (
        Strength::of(&stronger.before),
        Strength::of(&stronger.after),
    );
    assert_eq!(
        (now.members, now.quorum, now.validators, now.faults()),
        (4, 3, 4, 1)
    );
    assert_eq!(
        (then.members, then.quorum, then.validators, then.faults()),
        (5, 4, 5, 1)
    );
    let text = page(&view, &stronger);
    assert!(text.contains("members in force 4 5"), "{text}");
    assert!(text.contains("These vote then: member0.example, member1.example, member2.example, member3.example, member4.example"), "{text}");
    assert!(!text.contains('!'), "{text}");
}

#[test]
fn a_change_that_leaves_no_room_for_a_fault_is_warned_of() {
    let world = World::new();
    let view = world.view();
    let text = page(&view, &forecast(&view, &suspend(3)));
    for warning in [
        "f is 0: with 3 validators",
        "number of validators falls from 4 to 3",
        "Every one of the 3 members must sign",
    ] {
        assert!(text.contains(warning), "{warning}: {text}");
    }
    let observer = Member {
        validator: false,
        ..Network::member(1)
    };
    let text = page(
        &view,
        &forecast(&view, &Change::UpdateMember { member: observer }),
    );
    assert!(
        text.contains("f is 0") && text.contains("falls from 4 to 3"),
        "{text}"
    );
    assert!(
        !text.contains("Every one of"),
        "an observer still signs: {text}"
    );
}

#[test]
fn keys_that_change_are_told_by_their_fingerprints() {
    let world = World::new();
    let view = world.view();
    let (old, new) = (Network::member(2), Network::member(9).cosigning_key);
    let member = Member {
        cosigning_key: new,
        ..old.clone()
    };
    let text = page(&view, &forecast(&view, &Change::UpdateMember { member }));
    let rotation = format!(
        "cosigning key {} -> {}",
        Fingerprint(&old.cosigning_key),
        Fingerprint(&new)
    );
    assert!(text.contains(&rotation), "{text}");
    assert!(
        !text.contains(&Fingerprint(&old.consensus_key).to_string()),
        "{text}"
    );
    assert!(text.contains("what it signed before stays valid"), "{text}");
}

#[test]
fn a_fingerprint_is_the_first_half_of_a_sha_256() {
    let key = KeyBytes::from_bytes([0; 32]);
    // printf '\0%.0s' {1..32} | sha256sum
    assert_eq!(
        Fingerprint(&key).to_string(),
        "6668 7aad f862 bd77 6c8f c18b 8e9f 8e20"
    );
}

#[test]
fn a_rotation_of_a_governance_key_says_whose_approvals_are_void() {
    let mut world = World::new();
    let waiting = world.propose(1, Network::admission(4));
    let view = world.view();
    let member = Member {
        governance_key: Network::member(9).governance_key,
        ..Network::member(1)
    };
    let text = page(&view, &forecast(&view, &Change::UpdateMember { member }));
    assert!(
        text.contains(&format!("become void: {}", failure::short(&waiting))),
        "{text}"
    );
    let other = Member {
        governance_key: Network::member(9).governance_key,
        ..Network::member(2)
    };
    let text = page(
        &view,
        &forecast(&view, &Change::UpdateMember { member: other }),
    );
    assert!(!text.contains("become void"), "{text}");
}

#[test]
fn a_forecast_counts_what_is_decided_already() {
    let mut world = World::new();
    world.decide(Network::admission(4));
    let view = world.view();
    assert!(
        view.standing(&view.proposals[0], NOW)
            == Standing::Decided(view.proposals[0].adopted.unwrap())
    );
    let later = forecast(&view, &Network::admission(5));
    assert_eq!(Strength::of(&later.before).members, 5);
    assert_eq!(Strength::of(&later.after).members, 6);
    assert!(page(&view, &later).contains("decided already, for height 2000"));
    let again = Forecast::of(&view, &Network::admission(4), 0);
    assert_eq!(again.unwrap_err(), ChangeError::NoEffect);
}

#[test]
fn a_node_that_leaves_out_a_decision_about_members_is_found_out() {
    let mut world = World::new();
    world.decide(Network::admission(4));
    let mut view = world.view();
    assert!(view.is_complete());
    let decided = view.proposals.pop().unwrap();
    assert!(
        !view.is_complete(),
        "the members signed that somebody comes"
    );
    let mut delayed = decided.clone();
    delayed.adopted.as_mut().unwrap().effect += 1_000;
    view.proposals = vec![delayed];
    assert!(!view.is_complete(), "for an earlier height");
    let mut invented = decided.clone();
    invented.proposal.change = suspend(1);
    view.proposals = vec![decided, invented];
    assert!(!view.is_complete(), "and that nobody is suspended");
}

#[test]
fn a_proposal_is_found_by_the_beginning_of_its_id() {
    let mut world = World::new();
    let id = world.propose(1, Network::admission(4)).to_string();
    let view = world.view();
    for beginning in [&id[..8], &id, &id.to_uppercase()] {
        assert_eq!(view.proposal(beginning).unwrap().index, 0);
    }
    for other in ["", &id[..7], "00000000", "ffffffff", &format!("{id}0")] {
        assert!(view.proposal(other).is_err(), "{other}");
    }
}

#[test]
fn a_proposal_lapses_with_its_time() {
    let mut world = World::new();
    world.propose(1, Network::admission(4));
    let view = world.view();
    let proposed = &view.proposals[0];
    let expires = proposed.proposal.expires;
    assert_eq!(view.standing(proposed, expires), Standing::Waits);
    let late = view.standing(proposed, expires.plus_seconds(1));
    assert_eq!(late, Standing::Lapsed);
    let line = preview::standing(&view, proposed, NOW);
    assert_eq!(line, format!("waits: 1 of 3 approvals, until {expires}"));
}

#[test]
fn nothing_that_a_proposer_wrote_acts_on_the_terminal() {
    let mut definition = World::new().view().trusted.parties().process_definitions()[0].clone();
    definition.version = 2;
    definition.steps.insert(
        1,
        Step {
            code: 9,
            name: "safe\u{1b}[2J\u{202e}\u{2066}\n  ! approved".to_owned(),
            after: vec![1],
            terminal: false,
        },
    );
    let mut page = Page::default();
    describe::content(
        &mut page,
        &Change::PublishDefinition { definition },
        World::new().view().trusted.parties(),
    );
    let text = page.into_text();
    assert!(
        !text.contains(['\u{1b}', '\u{202e}', '\u{2066}']),
        "{text:?}"
    );
    assert!(!text.contains("\n  ! approved"), "{text}");
    assert_eq!(super::plain("口座開設 é"), "口座開設 é");
}

#[test]
fn a_rotation_after_a_compromise_says_what_the_thief_can_do() {
    let rotation = RotateArguments {
        name: "member1.example".to_owned(),
        consensus_key: Some(String::new()),
        cosigning_key: None,
        governance_key: Some(String::new()),
        compromised: true,
    };
    let text = preview::compromise(&rotation, "height 2000").join("\n");
    assert!(
        text.contains("Until height 2000 the old keys count"),
        "{text}"
    );
    assert!(
        text.contains("old consensus key can vote")
            && text.contains("old governance key can propose"),
        "{text}"
    );
    assert!(!text.contains("old cosigning key"), "{text}");
    assert!(ChangeArguments::RotateKeys(rotation).is_of_membership());
}

#[derive(clap::Parser)]
struct Program {
    #[command(flatten)]
    arguments: super::ProposeArguments,
}

#[test]
fn a_key_may_begin_with_a_hyphen() {
    let key = "-6j4Zeo1cBVgK7vCteQAuo8b91rYqY45lGlJnOWBJOk";
    for option in ["--consensus-key", "--cosigning-key", "--governance-key"] {
        let typed = ["propose", "rotate-keys", "a.example", option, key, "--yes"];
        let program = <Program as clap::Parser>::try_parse_from(typed).unwrap();
        let ChangeArguments::RotateKeys(rotation) = program.arguments.change else {
            panic!("another change");
        };
        let keys = [
            rotation.consensus_key,
            rotation.cosigning_key,
            rotation.governance_key,
        ];
        assert_eq!(keys.into_iter().flatten().collect::<Vec<_>>(), [key]);
    }
}
