//! Members come, go, rest and change keys while records are submitted.

use super::{
    SECOND,
    ledger::{Behaviour, EPOCH, Ledger, Seat},
    network::{Links, Simulation, simulate, simulate_with_second_keys},
};
use crate::committee::Vote;

/// Submits records through the first of `writers` that they name, one every so often, until `done`.
async fn load(network: &Simulation, writers: &[usize], done: impl Fn(&[Ledger]) -> bool) -> usize {
    let mut number = 0_usize;
    while !done(network.ledgers()) {
        assert!(
            number < 2_000,
            "the load went on for too long: {:?}",
            network.heights()
        );
        let record = format!("load {number} at {:?}", network.now());
        network.submit(writers[number % writers.len()], record.as_bytes());
        number += 1;
        network.run(SECOND / 5).await;
    }
    number
}

fn all_at(nodes: &[usize], height: u64) -> impl Fn(&[Ledger]) -> bool {
    move |ledgers| nodes.iter().all(|node| ledgers[*node].height() >= height)
}

/// All records of a load, and of the changes, are final at `nodes`.
async fn assert_nothing_lost(network: &Simulation, nodes: &[usize], records: usize) {
    network
        .until("all records are final", |ledgers| {
            nodes
                .iter()
                .all(|node| ledgers[*node].records().len() == records)
        })
        .await;
    network.assert_agreement();
}

#[test]
fn a_member_is_added_under_load_and_votes() {
    simulate(200, 5, async |mut network: Simulation| {
        network.found_with(&[0, 1, 2, 3]);
        network.start_all(Behaviour::Honest).await;
        network.change_members(0, &network.validators(&[0, 1, 2, 3, 4]));
        let loaded = load(
            &network,
            &[0, 1, 2],
            all_at(&[0, 1, 2, 3, 4], 2 * EPOCH + 5),
        )
        .await;
        // Four of five are a quorum only with the new one.
        network.crash(3).await;
        let more = load(&network, &[0, 1, 2], all_at(&[0, 1, 2, 4], 3 * EPOCH + 5)).await;
        network.restart(3, Behaviour::Honest).await;
        assert_nothing_lost(&network, &[0, 1, 2, 3, 4], 1 + loaded + more).await;
    });
}

#[test]
fn a_removed_member_is_not_needed_and_its_votes_do_not_count() {
    simulate(201, 5, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        network.change_members(4, &network.validators(&[0, 1, 2, 3]));
        load(&network, &[0, 1], all_at(&[0, 1, 2, 3], 2 * EPOCH + 5)).await;
        network.crash(4).await;
        network.crash(3).await;
        load(&network, &[0, 1], all_at(&[0, 1, 2], 3 * EPOCH + 5)).await;
        network.restart(4, Behaviour::Honest).await;
        network.crash(2).await;
        network.run(SECOND).await;
        let heights = network.heights();
        network.run(20 * SECOND).await;
        assert_eq!(
            network.heights()[..2],
            heights[..2],
            "two of four are no quorum"
        );
        network.assert_agreement();
    });
}

#[test]
fn a_validator_changes_its_key_without_a_restart() {
    simulate_with_second_keys(202, 4, &[3], async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        let mut seats = network.validators(&[0, 1, 2]);
        seats.push((104, Vote::Validator));
        network.change_members(0, &seats);
        let loaded = load(&network, &[0, 1, 2], all_at(&[0, 1, 2, 3], 2 * EPOCH + 5)).await;
        // Three of four are a quorum only with the new key.
        network.crash(0).await;
        let more = load(&network, &[1, 2], all_at(&[1, 2, 3], 3 * EPOCH + 5)).await;
        network.restart(0, Behaviour::Honest).await;
        assert_nothing_lost(&network, &[0, 1, 2, 3], 1 + loaded + more).await;
    });
}

#[test]
fn a_suspended_validator_follows_without_a_vote_until_it_is_reinstated() {
    simulate(203, 5, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        let all = network.validators(&[0, 1, 2, 3, 4]);
        let mut suspended: Vec<Seat> = all.clone();
        suspended[4].1 = Vote::Observer;
        network.change_members(0, &suspended);
        load(&network, &[0, 1], all_at(&[0, 1, 2, 3, 4], 2 * EPOCH + 2)).await;
        network.crash(0).await;
        network.crash(1).await;
        network.run(SECOND).await;
        let heights = network.heights();
        network.run(20 * SECOND).await;
        assert_eq!(
            network.heights(),
            heights,
            "two of four and one suspended are no quorum"
        );
        network.restart(0, Behaviour::Honest).await;
        network.restart(1, Behaviour::Honest).await;

        network.submit(2, b"again");
        let mut reinstated = all;
        reinstated.reverse();
        network.change_members(2, &reinstated);
        let settled = (network.heights()[2] / EPOCH + 3) * EPOCH;
        load(&network, &[2, 3], all_at(&[0, 1, 2, 3, 4], settled)).await;
        // Four of five are a quorum only with the reinstated one.
        network.crash(1).await;
        load(&network, &[2, 3], all_at(&[0, 2, 3, 4], settled + EPOCH)).await;
        network.assert_agreement();
    });
}

#[test]
fn a_change_takes_effect_quickly_on_an_idle_network() {
    simulate(204, 5, async |mut network: Simulation| {
        network.found_with(&[0, 1, 2, 3]);
        network.start_all(Behaviour::Honest).await;
        network.change_members(0, &network.validators(&[0, 1, 2, 3, 4]));
        let before = network.now();
        network
            .until("the change is in force", all_at(&[0, 1, 2, 3], 2 * EPOCH))
            .await;
        let took = network.now() - before;
        assert!(
            took < 15 * SECOND,
            "{took:?} for {} empty blocks",
            2 * EPOCH
        );
        let height = network.heights()[0];
        network.run(10 * SECOND).await;
        assert!(
            network.heights()[0] - height < 15,
            "no hurry without a change"
        );
    });
}

/// One node crashes, another is cut off, at every height around the boundary at which a change takes effect.
#[test]
fn crashes_and_partitions_around_the_boundary_neither_fork_nor_stop_the_ledger() {
    for (seed, height) in (210..).zip(2 * EPOCH - 3..2 * EPOCH + 3) {
        simulate_with_second_keys(seed, 5, &[3], async |mut network: Simulation| {
            network.found_with(&[0, 1, 2, 3]);
            network.start_all(Behaviour::Honest).await;
            let mut seats = network.validators(&[1, 2, 4]);
            seats.push((104, Vote::Validator));
            network.change_members(0, &seats);
            load(&network, &[0, 1], all_at(&[1], height)).await;
            let victim = usize::try_from(seed % 4).unwrap();
            network.crash(victim).await;
            load(
                &network,
                &[(victim + 1) % 4],
                all_at(&[(victim + 1) % 4], height + 1),
            )
            .await;
            network.restart(victim, Behaviour::Honest).await;
            load(&network, &[1], all_at(&[1], height + 3)).await;
            network.partition(&[victim], Links::Cut).await;
            network.run(10 * SECOND).await;
            network.partition(&[victim], Links::Healed).await;
            load(&network, &[1, 2], all_at(&[1, 2, 3, 4], 4 * EPOCH)).await;
            network.assert_agreement();
        });
    }
}

#[test]
fn all_crash_together_around_the_boundary_and_go_on() {
    for (seed, height) in (220..).zip([2 * EPOCH - 1, 2 * EPOCH, 2 * EPOCH + 1]) {
        simulate_with_second_keys(seed, 5, &[2], async |mut network: Simulation| {
            network.found_with(&[0, 1, 2, 3]);
            network.start_all(Behaviour::Honest).await;
            let mut seats = network.validators(&[0, 1, 4]);
            seats.push((103, Vote::Validator));
            network.change_members(0, &seats);
            load(&network, &[0, 1], all_at(&[0], height)).await;
            for node in 0..5 {
                network.crash(node).await;
            }
            network.start_all(Behaviour::Honest).await;
            load(&network, &[0, 1], all_at(&[0, 1, 2, 4], 3 * EPOCH)).await;
            network.assert_agreement();
        });
    }
}

#[test]
fn halves_that_part_before_the_boundary_meet_after_it() {
    simulate(230, 5, async |mut network: Simulation| {
        network.found_with(&[0, 1, 2, 3]);
        network.start_all(Behaviour::Honest).await;
        network.change_members(0, &network.validators(&[0, 1, 2, 4]));
        load(&network, &[0, 1], all_at(&[0, 1, 2, 3], 2 * EPOCH - 4)).await;
        network.partition(&[0, 1], Links::Cut).await;
        network.run(20 * SECOND).await;
        let heights = network.heights();
        assert!(
            heights.iter().all(|height| *height < 2 * EPOCH + 3),
            "{heights:?}"
        );
        network.partition(&[0, 1], Links::Healed).await;
        load(&network, &[0, 2], all_at(&[0, 1, 2, 4], 3 * EPOCH + 2)).await;
        network.assert_agreement();
    });
}

#[test]
fn a_member_that_was_away_for_several_epochs_follows_them_one_by_one() {
    simulate(231, 5, async |mut network: Simulation| {
        network.found_with(&[0, 1, 2, 3]);
        for node in 0..4 {
            network.start(node, Behaviour::Honest).await;
        }
        network.change_members(0, &network.validators(&[0, 1, 2, 4]));
        network.crash(3).await;
        load(&network, &[0, 1, 2], all_at(&[0, 1, 2], EPOCH)).await;
        // The newcomer knows nothing but the founders.
        network.start(4, Behaviour::Honest).await;
        load(&network, &[0, 1, 2], all_at(&[0, 1, 2, 4], 6 * EPOCH)).await;
        network.start(3, Behaviour::Honest).await;
        network
            .until("the old member follows", all_at(&[3], 6 * EPOCH))
            .await;

        network.assert_agreement();
    });
}
