//! What a group of case events costs a node, beside as many records with a signature each.

use crate::fixture::{Network, block, issuer};
use protocol::registry::{
    CaseId, Commitment,
    record::{Body, CaseEvent, CaseEventGroup, GROUP_EVENTS_MAX, Record},
};
use registry_consensus::{Application as _, OrderedBlock, Verdict};
use std::time::Duration;

const ROUNDS: usize = 20;
/// How much cheaper an event in a group must be at least.
const FACTOR: f64 = 2.5;

/// The processor time of this thread: what others do on the machine does not count.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = text.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}

fn opened(round: usize, case: usize) -> CaseEvent {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(round as u64).to_be_bytes());
    id[8..].copy_from_slice(&(case as u64).to_be_bytes());
    CaseEvent {
        case: CaseId::from_bytes(id),
        sequence: 0,
        code: 1,
        definition: 1,
        commitment: Commitment::from_bytes([9; 32]),
    }
}

/// What it costs a node to judge and commit blocks: decoding, signatures, rules, tree and store.
fn cost(network: &Network, blocks: &[OrderedBlock]) -> Duration {
    let directory = tempfile::tempdir().unwrap();
    let replica = network.replica(0, directory.path());
    let begun = processor_time();
    for block in blocks {
        assert_eq!(replica.validate(&[], block), Verdict::Valid);
        replica.commit(block).unwrap();
    }
    let spent = processor_time() - begun;
    assert_eq!(replica.case(&opened(0, 0).case).unwrap(), [0]);
    spent
}

/// `cargo test --workspace --lib a_group_of_events -- --ignored --nocapture`
#[test]
#[ignore = "a measurement; the factor is asserted"]
fn a_group_of_events_costs_a_fraction_of_as_many_records() {
    let network = Network::of(1);
    let sign = |body| Record::sign(network.genesis.network(), body, &issuer());
    let rounds = |round: usize| (0..GROUP_EVENTS_MAX).map(move |case| opened(round, case));
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for (height, round) in (1..).zip(0..ROUNDS) {
        let records: Vec<Record> = rounds(round)
            .map(|event| sign(Body::CaseEvent(event)))
            .collect();
        alone.push(block(height, &records.iter().collect::<Vec<_>>()));
        let group = CaseEventGroup::of(rounds(round).collect()).unwrap();
        together.push(block(height, &[&sign(Body::CaseEventGroup(group))]));
    }
    let (alone, together) = (cost(&network, &alone), cost(&network, &together));
    let events = u32::try_from(ROUNDS * GROUP_EVENTS_MAX).unwrap();
    let factor = alone.as_secs_f64() / together.as_secs_f64();
    println!(
        "{events} events: {:?} each alone, {:?} each in groups of {GROUP_EVENTS_MAX}: {factor:.1} times",
        alone / events,
        together / events
    );
    assert!(factor >= FACTOR, "{factor}");
}
