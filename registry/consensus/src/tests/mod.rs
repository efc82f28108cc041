//! Stories of a small network on a simulated clock, disk and wire: same code as on the real ones.

mod certificates;
mod ledger;
mod membership;
mod network;
mod real;
mod recovery;

use ledger::Behaviour;
use network::{Links, Simulation, simulate};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn four_validators_order_the_same_records() {
    simulate(1, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        for number in 0..20u8 {
            network.submit(usize::from(number) % 4, &[number; 100]);
        }
        network
            .until("all records are final everywhere", |ledgers| {
                ledgers.iter().all(|ledger| ledger.records().len() == 20)
            })
            .await;
        network.assert_agreement();
    });
}

#[test]
fn a_record_that_only_one_node_knows_is_final_before_the_idle_time_ends() {
    simulate(2, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        network.run(5 * SECOND).await;
        let before = network.now();
        network.submit(3, b"a single record");
        network
            .until("the record is final", |ledgers| {
                ledgers.iter().all(|ledger| ledger.records().len() == 1)
            })
            .await;
        assert!(network.now() - before < Duration::from_millis(500));
    });
}

#[test]
fn an_idle_network_makes_about_one_block_per_idle_time() {
    simulate(3, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        network.run(30 * SECOND).await;
        let height = network.ledgers()[0].height();
        assert!((20..=32).contains(&height), "{height} blocks in 30 s");
    });
}

#[test]
fn one_crashed_validator_does_not_stop_the_others_and_catches_up() {
    simulate(4, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        network.submit(0, b"before");
        network
            .until("all have it", |ledgers| {
                ledgers.iter().all(|ledger| ledger.records().len() == 1)
            })
            .await;
        network.crash(2).await;
        for number in 0..10u8 {
            network.submit(usize::from(number) % 2, &[number; 50]);
            network.run(SECOND).await;
        }
        network
            .until("three go on", |ledgers| {
                [0, 1, 3]
                    .iter()
                    .all(|node| ledgers[*node].records().len() == 11)
            })
            .await;
        network.restart(2, Behaviour::Honest).await;
        network
            .until("the fourth catches up", |ledgers| {
                ledgers[2].records().len() == 11
            })
            .await;
        network.assert_agreement();
    });
}

#[test]
fn all_crash_at_once_and_nothing_final_is_lost() {
    simulate(5, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        for number in 0..5u8 {
            network.submit(0, &[number; 50]);
        }
        network
            .until("all have five", |ledgers| {
                ledgers.iter().all(|ledger| ledger.records().len() == 5)
            })
            .await;
        for node in 0..4 {
            network.crash(node).await;
        }
        network.start_all(Behaviour::Honest).await;
        network.submit(1, b"after");
        network
            .until("all have six", |ledgers| {
                ledgers.iter().all(|ledger| ledger.records().len() == 6)
            })
            .await;
        network.assert_agreement();
    });
}

#[test]
fn neg_l03_an_invalid_record_of_a_byzantine_leader_is_never_final() {
    simulate(6, 4, async |mut network: Simulation| {
        for node in 0..3 {
            network.start(node, Behaviour::Honest).await;
        }
        network.start(3, Behaviour::ProposesInvalid).await;
        for number in 0..10u8 {
            network.submit(usize::from(number) % 3, &[number; 50]);
            network.run(SECOND).await;
        }
        network
            .until("the honest records are final", |ledgers| {
                ledgers[0].records().len() == 10
            })
            .await;
        network.assert_agreement();
        for ledger in network.ledgers() {
            assert!(
                ledger
                    .records()
                    .iter()
                    .all(|record| !ledger::is_invalid(record))
            );
        }
    });
}

#[test]
fn an_application_with_an_older_store_gets_the_missing_blocks_again() {
    simulate(7, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        for number in 0..5u8 {
            network.submit(0, &[number; 50]);
        }
        network
            .until("all have five", |ledgers| {
                ledgers.iter().all(|ledger| ledger.records().len() == 5)
            })
            .await;
        network.crash(1).await;
        network.ledgers()[1].forget();
        network.restart(1, Behaviour::Honest).await;
        network
            .until("it is whole again", |ledgers| {
                ledgers[1].records().len() == 5
            })
            .await;
        network.assert_agreement();
    });
}

#[test]
fn an_observer_follows_and_has_no_vote() {
    simulate(8, 5, async |mut network: Simulation| {
        network.make_observer(4);
        network.start_all(Behaviour::Honest).await;
        network.submit(4, b"through the observer");
        network
            .until("all have it", |ledgers| {
                ledgers.iter().all(|ledger| ledger.records().len() == 1)
            })
            .await;
        network.crash(0).await;
        network.submit(4, b"with three of four validators");
        network
            .until("the observer has it", |ledgers| {
                ledgers[4].records().len() == 2
            })
            .await;
        network.crash(1).await;
        network.submit(4, b"with two of four validators");
        network.run(30 * SECOND).await;
        assert_eq!(network.ledgers()[4].records().len(), 2);
    });
}

#[test]
fn a_commit_that_fails_ends_the_node_and_the_others_go_on() {
    simulate(9, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        network.ledgers()[2].break_disk();
        network.submit(0, b"record");
        network
            .until("three have it", |ledgers| {
                [0, 1, 3]
                    .iter()
                    .all(|node| ledgers[*node].records().len() == 1)
            })
            .await;
        assert!(network.delivery_ended(2).await);
        assert!(network.ledgers()[2].records().is_empty());
    });
}

#[test]
fn two_halves_make_no_progress_until_they_meet_again() {
    simulate(11, 4, async |mut network: Simulation| {
        network.start_all(Behaviour::Honest).await;
        network.run(5 * SECOND).await;
        network.partition(&[0, 1], Links::Cut).await;
        network.run(SECOND).await;
        let heights = network.heights();
        network.submit(0, b"on one side");
        network.submit(2, b"on the other");
        network.run(30 * SECOND).await;
        assert_eq!(network.heights(), heights);
        network.partition(&[0, 1], Links::Healed).await;
        network
            .until("both records are final everywhere", |ledgers| {
                ledgers.iter().all(|ledger| ledger.records().len() == 2)
            })
            .await;
        network.assert_agreement();
    });
}

/// Crashes and partitions in an order that the seed chooses; every one of them must keep one ledger and go on afterwards.
#[test]
fn no_order_of_crashes_and_partitions_forks_or_stops_the_ledger() {
    for seed in 100..106_u64 {
        simulate(seed, 4, async |mut network: Simulation| {
            network.start_all(Behaviour::Honest).await;
            let mut submitted = 0;
            for step in 0..6_u64 {
                let victim = usize::try_from((seed / (step + 1) + step) % 4).unwrap();
                let writer = (victim + 1) % 4;
                match (seed + step) % 3 {
                    0 => network.crash(victim).await,
                    1 => network.partition(&[victim], Links::Cut).await,
                    _ => {}
                }
                for number in 0..3_u64 {
                    network.submit(writer, &[seed, step, number].map(u64::to_be_bytes).concat());
                    submitted += 1;
                }
                network.run(3 * SECOND).await;
                match (seed + step) % 3 {
                    0 => network.restart(victim, Behaviour::Honest).await,
                    1 => network.partition(&[victim], Links::Healed).await,
                    _ => {}
                }
            }
            network
                .until("all records are final everywhere", |ledgers| {
                    ledgers
                        .iter()
                        .all(|ledger| ledger.records().len() == submitted)
                })
                .await;
            network.assert_agreement();
        });
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        simulate(10, 4, async |mut network: Simulation| {
            network.start_all(Behaviour::Honest).await;
            network.submit(0, b"record");
            // Into the second epoch.
            network.run(30 * SECOND).await;
            assert!(network.heights()[0] > ledger::EPOCH);
        })
    };
    assert_eq!(run(), run());
}
