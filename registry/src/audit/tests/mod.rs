//! What an auditor finds in ledgers that are honest, and in those that are not.

mod members;
mod world;

use super::*;
use crate::fixture::{NOW, Network, key};
use protocol::{
    identity::SigningKey,
    registry::{
        BlocksDigest, Commitment,
        merkle::TreeHash,
        record::{Body, CaseEvent, Record},
    },
};
use std::fs;
use world::{Told, World, fork};

#[tokio::test]
async fn n2_an_honest_log_is_executed_again_and_nothing_is_wrong() {
    let mut world = World::new();
    let (told, behind) = (Told::honest(200), {
        let mut behind = Told::honest(200);
        behind.records.truncate(100);
        behind.places.truncate(100);
        behind.seal();
        behind
    });
    let round = world
        .audit(&[("a", &told), ("b", &told), ("c", &behind)])
        .await;
    assert_eq!(round.report.violations, []);
    assert!(round.evidence.is_empty());
    assert_eq!(round.report.records, 400);
    assert_eq!(round.report.root, told.checkpoint.root.to_string());
    let standings: Vec<&Standing> = round
        .report
        .nodes
        .iter()
        .map(|node| &node.standing)
        .collect();
    let agrees = |size| Standing::Agrees { size };
    assert_eq!(standings, [&agrees(400), &agrees(400), &agrees(100)]);
}

#[tokio::test]
async fn n2_a_record_that_its_author_did_not_sign_is_found_although_a_quorum_signed_the_log() {
    let mut told = Told::honest(150);
    *told.records[270].last_mut().unwrap() ^= 1;
    told.seal();
    let faults = World::new().faults(&told).await;
    assert_eq!(faults, [(Fault::Signature, Some(270))]);
}

#[tokio::test]
async fn n5_a_step_out_of_order_is_found_although_a_quorum_signed_the_log() {
    let network = Network::of(4);
    let skipped = [network.event(1, 0, 1), network.event(2, 0, 2)];
    let faults = World::new().faults(&Told::of(network, &skipped)).await;
    assert_eq!(faults, [(Fault::Rule, Some(1))]);
}

#[tokio::test]
async fn n4_a_record_that_stands_twice_is_found_although_a_quorum_signed_the_log() {
    let network = Network::of(4);
    let twice = [
        network.event(1, 0, 1),
        network.event(2, 0, 1),
        network.event(1, 0, 1),
    ];
    let faults = World::new().faults(&Told::of(network, &twice)).await;
    assert_eq!(faults, [(Fault::Rule, Some(2))]);
}

#[tokio::test]
async fn n2_a_record_by_nobody_known_is_found_although_a_quorum_signed_the_log() {
    let network = Network::of(4);
    let foreign = network.event_by(1, 0, 1, &key(77));
    let faults = World::new().faults(&Told::of(network, &[foreign])).await;
    assert_eq!(faults, [(Fault::Rule, Some(0))]);
}

#[tokio::test]
async fn n2_a_rule_that_depends_on_the_height_is_checked_at_the_height_that_members_signed() {
    // The node tells other heights than those under the checkpoint.
    let mut told = Told::honest(10);
    for place in &mut told.places {
        place.0 += 1;
    }
    assert_eq!(
        World::new().faults(&told).await,
        [(Fault::Checkpoint, None)]
    );
    let mut told = Told::honest(10);
    told.places[5].1 -= 1;
    assert_eq!(World::new().faults(&told).await, [(Fault::Blocks, Some(5))]);
    // Blocks out of order, although a quorum signed them so.
    let mut told = Told::honest(10);
    told.places[18..].fill((6, NOW.as_unix() + 100));
    told.seal();
    assert_eq!(
        World::new().faults(&told).await,
        [(Fault::Blocks, Some(18))]
    );
}

#[tokio::test]
async fn n2_a_root_or_a_document_that_does_not_follow_from_the_records_is_found() {
    for tamper in [
        |checkpoint: &mut Checkpoint| checkpoint.root = TreeHash::of_leaf(b"other"),
        |checkpoint: &mut Checkpoint| checkpoint.height += 1,
        |checkpoint: &mut Checkpoint| checkpoint.time = checkpoint.time.plus_seconds(1),
        |checkpoint: &mut Checkpoint| checkpoint.blocks = BlocksDigest::START,
        |checkpoint: &mut Checkpoint| {
            checkpoint.trusted_parties = protocol::registry::ContentDigest::of(b"other");
        },
    ] {
        let mut told = Told::honest(10);
        tamper(&mut told.checkpoint);
        assert_eq!(
            World::new().faults(&told).await,
            [(Fault::Checkpoint, None)]
        );
    }
    let mut told = Told::honest(10);
    told.document.push(' ');
    assert_eq!(
        World::new().faults(&told).await,
        [(Fault::TrustedParties, None)]
    );
}

#[tokio::test]
async fn n3_records_that_a_node_does_not_show_are_missed() {
    let mut told = Told::honest(10);
    told.records.pop();
    told.places.pop();
    assert_eq!(
        World::new().faults(&told).await,
        [(Fault::Withheld, Some(0))]
    );
}

#[tokio::test]
async fn neg_l08_a_checkpoint_without_a_quorum_or_with_a_forged_signature_is_found() {
    let mut told = Told::honest(10);
    told.cosigned_by = vec![0, 1];
    assert_eq!(World::new().faults(&told).await, [(Fault::NoQuorum, None)]);

    let mut world = World::new();
    let told = Told::honest(10);
    let node = world.node("a", &told);
    let forged = told.note().replace("height 14", "height 15");
    fs::write(world.folder.path().join("a/checkpoint"), forged).unwrap();
    let mut auditor = Auditor::new(told.network.genesis.clone());
    let round = auditor.round(&[node], &mut world.rng).await.unwrap();
    assert_eq!(round.report.violations[0].fault, Fault::Forged);
}

#[tokio::test]
async fn n8_a_split_view_becomes_evidence_that_names_one_more_than_may_be_faulty() {
    for cases in [20, 12] {
        let (honest, fork) = (Told::honest(10), fork(cases, vec![1, 2, 3]));
        let mut world = World::new();
        let round = world.audit(&[("a", &honest), ("b", &fork)]).await;
        let accused = round
            .report
            .violations
            .iter()
            .find(|violation| violation.fault == Fault::DoubleSignature)
            .unwrap();
        assert_eq!(accused.members, ["member1.example", "member2.example"]);
        assert_eq!(round.evidence.len(), 1);
        // A third party with the genesis file alone comes to the same result.
        let genesis = world.folder.path().join("genesis.json");
        let file = world.folder.path().join("evidence.json");
        fs::write(&file, round.evidence[0].to_json()).unwrap();
        fs::write(&genesis, Network::genesis_file(4)).unwrap();
        let said = verify_evidence(&EvidenceArguments {
            genesis,
            handovers: None,
            file,
        })
        .unwrap();
        assert!(
            said.contains("member1.example, member2.example\n"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn n8_one_member_that_signs_two_ledgers_is_named_although_the_other_has_no_quorum() {
    let (honest, fork) = (Told::honest(10), fork(20, vec![2]));
    let round = World::new().audit(&[("a", &honest), ("b", &fork)]).await;
    let faults: Vec<Fault> = round
        .report
        .violations
        .iter()
        .map(|violation| violation.fault)
        .collect();
    assert_eq!(faults, [Fault::NoQuorum, Fault::DoubleSignature]);
    assert_eq!(round.report.violations[1].members, ["member2.example"]);
}

#[tokio::test]
async fn n8_validators_that_rewrite_the_log_together_need_the_witnesses_and_name_themselves() {
    // Consortium and notaries vote, companies observe and cosign: four validators, and two that stand no fault at all.
    for (members, validators) in [(7, vec![0, 1, 2, 3]), (5, vec![0, 1])] {
        let network = || Network::of(members);
        let events = [network().event(1, 0, 1), network().event(2, 0, 1)];
        let mut honest = Told::of(network(), &events);
        honest.cosigned_by = (0..members).collect();
        let others = [network().event(8, 0, 1), network().event(9, 0, 1)];
        let mut rewritten = Told::of(network(), &others);
        rewritten.cosigned_by = validators.clone();
        let round = World::new()
            .audit(&[("witness", &honest), ("validator", &rewritten)])
            .await;
        let found: Vec<(Fault, usize)> = round
            .report
            .violations
            .iter()
            .map(|violation| (violation.fault, violation.members.len()))
            .collect();
        let named = (Fault::DoubleSignature, validators.len());
        assert_eq!(found, [(Fault::NoQuorum, 0), named]);
        assert_eq!(round.evidence.len(), 1);
    }
}

#[tokio::test]
async fn n7_a_log_that_is_rewritten_between_two_rounds_raises_the_alarm() {
    let mut world = World::new();
    let honest = Told::honest(10);
    let node = world.node("a", &honest);
    let mut auditor = Auditor::new(honest.network.genesis.clone());
    let first = auditor
        .round(std::slice::from_ref(&node), &mut world.rng)
        .await
        .unwrap();
    assert!(first.report.is_clean());
    // All members together rewrite the log: only who remembers it can tell.
    let rewritten = fork(30, vec![0, 1, 2, 3]);
    world.node("a", &rewritten);
    let second = auditor
        .round(std::slice::from_ref(&node), &mut world.rng)
        .await
        .unwrap();
    let faults: Vec<Fault> = second
        .report
        .violations
        .iter()
        .map(|violation| violation.fault)
        .collect();
    assert!(faults.contains(&Fault::Rewritten), "{faults:?}");
}

#[tokio::test]
async fn a_log_that_grew_is_executed_from_where_the_last_round_ended() {
    let mut world = World::new();
    let (mut short, long) = (Told::honest(200), Told::honest(200));
    short.records.truncate(300);
    short.places.truncate(300);
    short.seal();
    let node = world.node("a", &short);
    let mut auditor = Auditor::new(short.network.genesis.clone());
    for (told, size) in [(&short, 300), (&long, 400)] {
        world.node("a", told);
        let round = auditor
            .round(std::slice::from_ref(&node), &mut world.rng)
            .await
            .unwrap();
        assert_eq!(round.report.violations, []);
        assert_eq!(round.report.records, size);
    }
}

#[tokio::test]
async fn a_node_that_cannot_be_read_is_no_violation_and_no_audit() {
    let mut world = World::new();
    let told = Told::honest(3);
    let good = world.node("a", &told);
    let name = "gone".to_owned();
    let file = world.folder.path().join("file");
    fs::write(&file, "").unwrap();
    let gone = Node {
        name,
        source: Source::Folder(file),
    };
    let mut auditor = Auditor::new(told.network.genesis.clone());
    let nodes = [good, gone.clone()];
    let round = auditor.round(&nodes, &mut world.rng).await.unwrap();
    assert!(round.report.is_clean());
    assert!(matches!(
        round.report.nodes[1].standing,
        Standing::Unreachable { .. }
    ));
    assert!(auditor.round(&[gone], &mut world.rng).await.is_err());
}

#[test]
fn the_report_says_in_plain_words_what_is_wrong() {
    let mut report = Report {
        network: Network::of(1).genesis.network(),
        records: 3,
        root: "root".to_owned(),
        height: 9,
        time: NOW,
        nodes: vec![NodeReport {
            name: "a".to_owned(),
            standing: Standing::Agrees { size: 3 },
        }],
        violations: Vec::new(),
    };
    assert!(
        report
            .to_string()
            .ends_with("node      a agrees at 3 records\nresult    nothing is wrong\n")
    );
    report.violations.push(Violation {
        members: vec!["m".to_owned()],
        ..Violation::at(2, Fault::Rule, "the step is not allowed").shown_by("a")
    });
    let said = report.to_string();
    assert!(
        said.contains("WRONG     a: entry 2: the step is not allowed (signed by m)\n"),
        "{said}"
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["violations"][0]["fault"], "rule");
    assert_eq!(
        json["nodes"][0],
        serde_json::json!({"name": "a", "state": "agrees", "size": 3})
    );
}

/// An event of a definition that is not active.
fn forged_event(network: &Network, author: &SigningKey) -> Record {
    let body = Body::CaseEvent(CaseEvent {
        case: protocol::registry::CaseId::from_bytes([1; 16]),
        sequence: 0,
        code: 1,
        definition: 2,
        commitment: Commitment::from_bytes([9; 32]),
    });
    Record::sign(network.genesis.network(), body, author)
}

#[tokio::test]
async fn n5_an_event_under_an_inactive_definition_is_found_although_a_quorum_signed_the_log() {
    let network = Network::of(4);
    let inactive = forged_event(&network, &crate::fixture::issuer());
    let faults = World::new().faults(&Told::of(network, &[inactive])).await;
    assert_eq!(faults, [(Fault::Rule, Some(0))]);
}
