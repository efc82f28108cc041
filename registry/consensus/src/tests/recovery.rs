//! Nodes that come back with less than they had, or with records from elsewhere.

use super::{
    SECOND,
    ledger::{Behaviour, EPOCH, Ledger},
    network::{Simulation, simulate},
};
use crate::{
    block::BlockDigest,
    engine::{Ended, FLOOR_BYTES_MAX, Scheme, StartError},
};
use bytes::Bytes;
use commonware_codec::Read as _;
use commonware_consensus::simplex::types::Finalization;
use commonware_cryptography::certificate::Verifier as _;

fn all_at(nodes: &[usize], height: u64) -> impl Fn(&[Ledger]) -> bool {
    move |ledgers| nodes.iter().all(|node| ledgers[*node].height() >= height)
}

#[test]
fn n9_a_validator_that_lost_its_disk_votes_again_in_the_next_epoch_and_not_before() {
    simulate(300, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        network
            .until("an epoch and a bit", all_at(&[0, 1, 2, 3], EPOCH + 2))
            .await;
        network.crash(3).await;
        network.restart_without_disk(3).await;
        network
            .until("it has fetched everything", all_at(&[3], EPOCH + 2))
            .await;
        network.crash(0).await;
        network.run(SECOND).await;
        let height = network.heights()[3];
        assert!(
            height < 2 * EPOCH - 3,
            "still in the epoch in which it voted: {height}"
        );
        network.run(30 * SECOND).await;
        assert_eq!(
            network.heights()[3],
            height,
            "two votes of four are no quorum"
        );

        network.restart(0, Behaviour::Honest).await;
        network
            .until("the next epoch", all_at(&[0, 1, 2, 3], 2 * EPOCH + 1))
            .await;
        network.crash(0).await;
        network
            .until("it votes", all_at(&[1, 2, 3], 2 * EPOCH + 6))
            .await;
        network.assert_agreement();
    });
}

#[test]
fn n9_a_validator_with_an_older_copy_of_its_disk_follows_without_a_vote_and_votes_in_the_next_epoch()
 {
    simulate(340, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        network
            .until("an epoch and a bit", all_at(&[0, 1, 2, 3], EPOCH + 2))
            .await;
        network.crash(3).await;
        network.restart_with_old_disk(3).await;
        network.until("it follows", all_at(&[3], EPOCH + 4)).await;
        network
            .until("the next epoch", all_at(&[0, 1, 2, 3], 2 * EPOCH + 1))
            .await;
        network.crash(0).await;
        network
            .until("it votes", all_at(&[1, 2, 3], 2 * EPOCH + 6))
            .await;
        network.assert_agreement();
    });
}

#[test]
fn records_from_a_peer_and_a_floor_are_a_start_in_the_middle_of_an_epoch() {
    for (seed, height) in (310..).zip([2 * EPOCH - 1, 2 * EPOCH, 2 * EPOCH + 7]) {
        simulate(seed, 5, async |mut network: Simulation| {
            start_four(&mut network).await;
            network
                .until("some epochs", all_at(&[0, 1, 2, 3], height))
                .await;
            let floor = network.floor(1, network.heights()[0]).await;
            assert!(floor.is_some());
            network.start_replayed(4, 0, floor).await;
            let beyond = network.floor(1, u64::MAX).await;
            assert!(
                beyond.is_some(),
                "whoever asks for too much gets the latest"
            );
            let goal = network.heights()[0] + EPOCH + 3;
            network
                .until("it follows into the next epoch", all_at(&[4], goal))
                .await;
            network.crash(4).await;
            network.restart(4, Behaviour::Honest).await;
            let goal = goal + 3;
            network
                .until("it goes on without the floor", all_at(&[4], goal))
                .await;
            network.assert_agreement();
        });
    }
}

#[test]
fn a_little_behind_the_engine_fetches_all_blocks_again() {
    simulate(320, 5, async |mut network: Simulation| {
        start_four(&mut network).await;
        network
            .until("some epochs", all_at(&[0], 2 * EPOCH + 7))
            .await;
        network.start_replayed(4, 0, None).await;
        let goal = network.heights()[0] + EPOCH;
        network.until("it follows", all_at(&[4], goal)).await;
        network.assert_agreement();
    });
}

async fn start_four(network: &mut Simulation) {
    network.found_with(&[0, 1, 2, 3]);
    for node in 0..4 {
        network.start(node, Behaviour::Honest).await;
    }
}

/// Records come until the members have removed the first blocks.
async fn run_until_pruned(network: &mut Simulation) {
    let mut number = 0_u64;
    while !all_at(&[0, 1, 2, 3], 560)(network.ledgers()) {
        assert!(number < 5_000, "{:?}", network.heights());
        network.submit(0, &number.to_be_bytes());
        number += 1;
        network.run(SECOND / 20).await;
    }
    assert_eq!(network.floor(1, 200).await, None, "removed");
}

#[test]
fn blocks_that_nobody_needs_are_removed_and_a_floor_bridges_the_gap() {
    simulate(330, 5, async |mut network: Simulation| {
        start_four(&mut network).await;
        network.until("some blocks", all_at(&[1], 20)).await;
        let early = network.floor(1, 20).await;
        run_until_pruned(&mut network).await;
        // Blocks from the start are not to be had any more: its own copy of the records does not help, and it says so.
        network.start_replayed(4, 0, None).await;
        assert!(matches!(network.ended(4).await, Ok(Ended::FloorNeeded)));

        // Nor does a floor from which it would have to fetch them.
        network.start_from(4, early).await;
        assert!(matches!(network.ended(4).await, Err(StartError::Floor)));
        let height = network.heights()[4];
        let floor = network.floor(1, height).await;
        network.start_from(4, floor).await;
        network
            .until("it follows", all_at(&[4], height + EPOCH))
            .await;
        network.assert_agreement();
    });
}

#[test]
fn neg_l05_a_floor_that_does_not_hold_or_lies_elsewhere_starts_no_engine() {
    simulate(331, 5, async |mut network: Simulation| {
        start_four(&mut network).await;
        network.until("some blocks", all_at(&[1], 3)).await;
        let early = network.floor(1, 3).await.unwrap();
        network.until("an epoch", all_at(&[0, 1], EPOCH + 3)).await;
        network.copy_ledger(4, 0);
        let height = network.heights()[4];
        let right = network.floor(1, height).await.unwrap();
        network
            .until("blocks that it does not have", all_at(&[1], height + 4))
            .await;
        let above = network.floor(1, height + 4).await.unwrap();

        let certificate = |floor: &Bytes| {
            let mut rest = floor.clone();
            let limits = Scheme::certificate_codec_config_unbounded();
            Finalization::<Scheme, BlockDigest>::read_cfg(&mut rest, &limits).unwrap();
            floor.len() - rest.len()
        };
        let of_another_block = [&right[..certificate(&right)], &early[certificate(&early)..]];
        let mut wrong = vec![
            above,
            of_another_block.concat().into(),
            right.slice(..certificate(&right)),
            right.slice(..right.len() - 1),
            [right.as_ref(), &[0]].concat().into(),
            vec![0; FLOOR_BYTES_MAX + 1].into(),
        ];
        for at in (0..right.len()).step_by(13) {
            let mut flipped = right.to_vec();
            flipped[at] ^= 1;
            wrong.push(flipped.into());
        }
        for (number, floor) in wrong.into_iter().enumerate() {
            network.start_from(4, Some(floor)).await;
            let ended = network.ended(4).await;
            assert!(matches!(ended, Err(StartError::Floor)), "{number}");
        }
        network.start_from(4, Some(right)).await;
        network
            .until("it follows", all_at(&[4], height + EPOCH))
            .await;
        network.assert_agreement();
    });
}
