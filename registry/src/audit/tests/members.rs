//! Members that change, and what an auditor and a third party know of them.

use super::*;
use crate::{
    fixture::governor,
    state::{BlockContext, State},
};
use protocol::registry::{
    checkpoint::{Committees, Handover, write_checkpoint},
    governance::Change,
    record::Approval,
};
use std::path::PathBuf;

/// Members 0 and 1 change their cosigning keys, to those with these seeds.
const NEW_KEYS: [u8; 4] = [80, 81, 2, 3];

/// A network on which the two changes stand, which hold from height 2,000 on.
struct Rotated {
    network: Network,
    state: State<'static>,
    /// The checkpoints that announce them and the latest one, with their documents.
    shown: Vec<Handover>,
    committees: Committees,
}

impl Rotated {
    fn new() -> Self {
        let network = Network::of(4);
        let mut rotated = Self {
            state: State::new(network.genesis.clone()),
            committees: network.genesis.committees().clone(),
            network,
            shown: Vec::new(),
        };
        for n in [0, 1] {
            let mut member = Network::member(n);
            member.cosigning_key = Network::member(NEW_KEYS[usize::from(n)]).cosigning_key;
            let proposal = rotated.network.proposal(0, Change::UpdateMember { member });
            let approval = Body::Approval(Approval {
                proposal: proposal.id(),
            });
            let sign = |by| {
                Record::sign(
                    rotated.network.genesis.network(),
                    approval.clone(),
                    &governor(by),
                )
            };
            let decision = [sign(1), sign(2)];
            let height = 5 + u64::from(n);
            rotated.apply(height, &proposal);
            for record in &decision {
                rotated.apply(height, record);
            }
            rotated.show([0, 1, 2, 3]);
        }
        let event = rotated.network.event(1, 0, 1);
        rotated.apply(4_500, &event);
        rotated.show(NEW_KEYS);
        rotated
    }

    fn apply(&mut self, height: u64, record: &Record) {
        let time = NOW.plus_seconds(height);
        let block = BlockContext { height, time };
        self.state.apply(record, &block).unwrap();
        self.state.end_block(height);
    }

    /// Shows the latest checkpoint, signed with these keys.
    fn show(&mut self, keys: [u8; 4]) {
        let (checkpoint, document) = self.state.signed();
        let handover = Handover {
            checkpoint: self.signed(&checkpoint, &keys),
            document: document.to_string(),
        };
        self.committees.follow(&handover).unwrap();
        self.shown.push(handover);
    }

    fn signed(&self, checkpoint: &Checkpoint, keys: &[u8]) -> String {
        let committees = self.state.committees();
        let cosigners = committees.at(checkpoint.height);
        let signatures = keys
            .iter()
            .map(|seed| cosigners.cosign(checkpoint, &key(*seed), NOW));
        write_checkpoint(checkpoint, &signatures.collect::<Option<Vec<_>>>().unwrap()).unwrap()
    }

    /// Two checkpoints of height 5,000 that contradict each other, signed by who has this key since this height.
    fn evidence(&self, since: u64, seed: u8) -> UnverifiedEvidence {
        let one = Checkpoint {
            height: 5_000,
            ..self.state.checkpoint()
        };
        let other = Checkpoint {
            root: TreeHash::of_leaf(b"other"),
            ..one
        };
        let committees = self.state.committees();
        let [one, other] = [one, other].map(|checkpoint| {
            let signature = committees.at(since).cosign(&checkpoint, &key(seed), NOW);
            write_checkpoint(&checkpoint, &[signature.unwrap()]).unwrap()
        });
        UnverifiedEvidence::new(&one, &other)
    }
}

/// A third party's folder.
struct Desk(tempfile::TempDir);

impl Desk {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// What a third party says of evidence, with these handovers or none.
    fn said(
        &self,
        evidence: &UnverifiedEvidence,
        handovers: Option<&[Handover]>,
    ) -> anyhow::Result<String> {
        verify_evidence(&EvidenceArguments {
            genesis: self.write("genesis.json", &Network::genesis_file(4)),
            handovers: handovers.map(|handovers| {
                let text = serde_json::json!({ "handovers": handovers }).to_string();
                self.write("handovers.json", &text)
            }),
            file: self.write("evidence.json", &evidence.to_json()),
        })
    }
}

#[test]
fn n8_a_key_that_was_replaced_accuses_nobody() {
    let (rotated, desk) = (Rotated::new(), Desk(tempfile::tempdir().unwrap()));
    let stolen = rotated.evidence(0, 0);
    let refused = desk.said(&stolen, None).unwrap_err().to_string();
    assert!(refused.contains("height 5000"), "{refused}");
    assert!(desk.said(&stolen, Some(&rotated.shown)).is_err());
}

#[test]
fn n8_evidence_of_members_of_today_is_checked_with_the_handovers() {
    let (rotated, desk) = (Rotated::new(), Desk(tempfile::tempdir().unwrap()));
    let evidence = rotated.evidence(2_000, NEW_KEYS[0]);
    let said = desk.said(&evidence, Some(&rotated.shown)).unwrap();
    assert!(said.contains("true: member0.example\n"), "{said}");
    // Without the latest document others may have come since.
    for few in [None, Some(&rotated.shown[..2])] {
        assert!(desk.said(&evidence, few).is_err());
    }
}

#[tokio::test]
async fn a_node_whose_members_are_not_known_yet_is_not_compared() {
    let mut world = World::new();
    let (rotated, archive) = (Rotated::new(), Told::honest(2));
    let (audited, other) = (world.node("a", &archive), world.node("b", &archive));
    let today = rotated.shown.last().unwrap();
    fs::write(world.folder.path().join("b/checkpoint"), &today.checkpoint).unwrap();
    let mut auditor = Auditor::new(archive.network.genesis.clone());
    let round = auditor
        .round(&[audited, other], &mut world.rng)
        .await
        .unwrap();
    assert_eq!(round.report.violations, []);
    let standing = &round.report.nodes[1].standing;
    assert_eq!(*standing, Standing::NotCompared { size: 7 });
}

#[tokio::test]
async fn the_members_of_today_are_those_of_the_records() {
    let network = Network::of(4);
    let proposal = network.proposal(0, Network::admission(4));
    let approval = Body::Approval(Approval {
        proposal: proposal.id(),
    });
    let sign = |by| Record::sign(network.genesis.network(), approval.clone(), &governor(by));
    let records = [proposal, sign(1), sign(2), network.event(1, 0, 1)];
    let mut told = Told::of(network, &records);
    told.places[3].0 = 2_000;
    told.seal();
    let mut world = World::new();
    let node = world.node("a", &told);
    let mut auditor = Auditor::new(told.network.genesis.clone());
    assert_eq!(auditor.members().len(), 4);
    auditor.round(&[node], &mut world.rng).await.unwrap();
    let names: Vec<String> = auditor
        .members()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names.len(), 5);
    assert!(names.contains(&"member4.example".to_owned()));
}

#[tokio::test]
async fn a_claim_in_the_middle_of_a_block_is_the_end_of_none() {
    let mut world = World::new();
    let (mut short, long) = (Told::honest(10), Told::honest(10));
    short.records.truncate(3);
    short.places.truncate(3);
    short.seal();
    let node = world.node("a", &short);
    let mut auditor = Auditor::new(short.network.genesis.clone());
    let nodes = std::slice::from_ref(&node);
    auditor.round(nodes, &mut world.rng).await.unwrap();
    assert!(auditor.replay.checkpoint_at(3).is_some(), "it may be");
    world.node("a", &long);
    let round = auditor.round(nodes, &mut world.rng).await.unwrap();
    assert_eq!(round.report.violations, []);
    assert!(auditor.replay.checkpoint_at(3).is_none());
    assert!(auditor.replay.checkpoint_at(4).is_some());
}
