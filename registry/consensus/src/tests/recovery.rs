//! Nodes that come back with less than they had, or with records from elsewhere.

use super::{
    SECOND,
    ledger::{Behaviour, EPOCH, Ledger},
    network::{Simulation, simulate},
};

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
fn records_from_a_peer_and_a_certificate_are_a_start_in_the_middle_of_an_epoch() {
    for (seed, height) in (310..).zip([2 * EPOCH - 1, 2 * EPOCH, 2 * EPOCH + 7]) {
        simulate(seed, 5, async |mut network: Simulation| {
            network.found_with(&[0, 1, 2, 3]);
            for node in 0..4 {
                network.start(node, Behaviour::Honest).await;
            }
            network
                .until("some epochs", all_at(&[0, 1, 2, 3], height))
                .await;
            let certificate = network.certificate(1, network.heights()[0]).await;
            assert!(certificate.is_some());
            let beyond = network.certificate(1, u64::MAX).await;
            assert!(
                beyond.is_some(),
                "whoever asks for too much gets the latest"
            );
            network.start_replayed(4, 0, certificate).await;
            let goal = network.heights()[0] + EPOCH + 3;
            network
                .until("it follows into the next epoch", all_at(&[4], goal))
                .await;
            network.crash(4).await;
            network.restart(4, Behaviour::Honest).await;
            let goal = goal + 3;
            network
                .until("it goes on without the certificate", all_at(&[4], goal))
                .await;
            network.assert_agreement();
        });
    }
}

#[test]
fn without_a_certificate_the_engine_fetches_all_blocks_again() {
    simulate(320, 5, async |mut network: Simulation| {
        network.found_with(&[0, 1, 2, 3]);
        for node in 0..4 {
            network.start(node, Behaviour::Honest).await;
        }
        network
            .until("some epochs", all_at(&[0], 2 * EPOCH + 7))
            .await;
        network.start_replayed(4, 0, None).await;
        let goal = network.heights()[0] + EPOCH;
        network.until("it follows", all_at(&[4], goal)).await;
        network.assert_agreement();
    });
}

#[test]
fn blocks_that_nobody_needs_are_removed_and_a_certificate_bridges_the_gap() {
    simulate(330, 5, async |mut network: Simulation| {
        network.found_with(&[0, 1, 2, 3]);
        for node in 0..4 {
            network.start(node, Behaviour::Honest).await;
        }
        let mut number = 0_u64;
        while !all_at(&[0, 1, 2, 3], 560)(network.ledgers()) {
            assert!(number < 5_000, "{:?}", network.heights());
            network.submit(0, &number.to_be_bytes());
            number += 1;
            network.run(SECOND / 20).await;
        }
        assert_eq!(network.certificate(1, 200).await, None, "removed");
        // Blocks from the start are not to be had any more: its own copy of the records does not help.
        network.start_replayed(4, 0, None).await;
        let stuck = network.heights()[4];
        network.run(20 * SECOND).await;
        assert_eq!(network.heights()[4], stuck);
        network.crash(4).await;

        let height = network.heights()[0];
        let certificate = network.certificate(1, height).await;
        network.start_replayed(4, 0, certificate).await;
        network
            .until("it follows", all_at(&[4], height + EPOCH))
            .await;
        network.assert_agreement();
    });
}
