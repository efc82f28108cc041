//! Nodes that lie, hide, lag or fork, and what the client makes of it.

use super::world::*;
use crate::{ClientError, Fault, Options, Reach, ReadError, RegistryClient};
use protocol::registry::ContentDigest;
use protocol::registry::governance::Change;
use std::sync::Arc;

#[tokio::test]
async fn an_entry_is_read_from_whichever_node_answers() {
    for working in 0..MEMBERS {
        let mut world = World::new().await;
        let ledger = world.ledger(5);
        world.all(|member| {
            let ledger = ledger.clone();
            move |request| (member == working).then(|| ledger.answer(request))
        });
        let entry = world.client.entry(3).await.unwrap();
        assert_eq!(entry.index(), 3);
        assert_eq!(entry.record(), &ledger.records[3]);
    }
}

#[tokio::test]
async fn neg_l06_a_node_that_lies_is_passed_over() {
    let mut world = World::new().await;
    let ledger = world.ledger(5);
    world.all(|member| {
        let ledger = ledger.clone();
        move |request| {
            let mut reply = ledger.answer(request);
            if member != 2
                && let Some(byte) = reply.body.get_mut(40)
            {
                *byte ^= 1;
            }
            Some(reply)
        }
    });
    assert_eq!(
        world.client.entry(1).await.unwrap().record(),
        &ledger.records[1]
    );
    assert_eq!(world.client.checkpoint(NOW).await.unwrap().size(), 5);
    assert!(world.client.trusted_parties(NOW).await.is_ok());
}

#[tokio::test]
async fn neg_l06_an_entry_of_another_index_is_refused() {
    let mut world = World::new().await;
    let ledger = world.ledger(5);
    world.all(|_member| {
        let ledger = ledger.clone();
        move |request| {
            let elsewhere = Request {
                path: request.path.replace('3', "2"),
                body: Vec::new(),
            };
            Some(ledger.answer(&elsewhere))
        }
    });
    let refused = world.client.entry(3).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::Malformed)))
    ));
    assert!(world.client.entry(2).await.is_ok());
}

#[tokio::test]
async fn neg_l07_a_ledger_shorter_than_the_one_seen_is_refused() {
    let world = World::honest(3).await;
    let longer = world.ledger(5);
    world.recall(&longer);
    let refused = world.client.checkpoint(NOW).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::Stale)))
    ));
    let refused = world.client.entry(1).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::Stale)))
    ));
    assert_eq!(world.client.last_checkpoint().unwrap().size(), 5);
}

#[tokio::test]
async fn neg_l07_an_old_checkpoint_is_refused_although_the_node_proves_that_the_new_one_extends_it()
{
    let mut world = World::new().await;
    let (old, new) = (world.ledger(3), world.ledger(5));
    world.recall(&new);
    world.all(|_member| {
        let (old, new) = (old.clone(), new.clone());
        move |request| {
            let proves = request.path.starts_with("/consistency");
            Some(if proves {
                new.answer(request)
            } else {
                old.answer(request)
            })
        }
    });
    let refused = world.client.checkpoint(NOW).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::Stale)))
    ));
}

#[tokio::test]
async fn neg_l07_the_parties_before_a_change_are_refused_once_the_change_was_seen() {
    let mut world = World::new().await;
    let (mut before, mut after) = (world.ledger(3), world.ledger(3));
    (before.height, after.height) = (18, 19);
    let mut definition = after.parties.process_definitions()[0].clone();
    (definition.version, definition.activation_height) = (2, 19);
    let published = Change::PublishDefinition { definition };
    after.parties = after.parties.changed(&published, 19).unwrap();
    world.recall(&after);
    world.all(|member| {
        let shown = if member == 2 { &after } else { &before };
        let shown = shown.clone();
        move |request| Some(shown.answer(request))
    });
    for _order in 0..8 {
        let trusted = world.client.trusted_parties(NOW).await.unwrap();
        assert_eq!(trusted.parties(), &after.parties);
        let entry = world.client.entry(1).await.unwrap();
        assert_eq!(entry.checkpoint().checkpoint().height, 19);
    }
    // Nor does an older memory take it back.
    world.recall(&before);
    assert_eq!(
        world.client.last_checkpoint().unwrap().as_note(),
        after.note()
    );
}

#[tokio::test]
async fn neg_l07_another_root_of_the_same_size_is_a_proof_of_a_fork() {
    let world = World::honest(5).await;
    let mut other = world.ledger(5);
    other.records[2] = record(&world.genesis, 0, 99);
    world.recall(&other);
    let Err(ReadError::Fork { seen, other: shown }) = world.client.checkpoint(NOW).await else {
        panic!("a fork was not seen");
    };
    assert_eq!(seen, other.note());
    assert_eq!(shown, world.ledger(5).note());
}

#[tokio::test]
async fn neg_l07_a_longer_ledger_that_does_not_extend_the_one_seen_is_refused() {
    let world = World::honest(5).await;
    let mut other = world.ledger(3);
    other.records[2] = record(&world.genesis, 0, 99);
    world.recall(&other);
    let refused = world.client.checkpoint(NOW).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::Consistency(_))))
    ));
    assert_eq!(
        world.client.last_checkpoint().unwrap().as_note(),
        other.note()
    );
}

#[tokio::test]
async fn a_ledger_that_extends_the_one_seen_is_read_and_remembered() {
    let world = World::honest(5).await;
    world.recall(&world.ledger(3));
    assert_eq!(world.client.checkpoint(NOW).await.unwrap().size(), 5);
    assert_eq!(world.client.last_checkpoint().unwrap().size(), 5);
    world.recall(&world.ledger(3));
    assert_eq!(world.client.last_checkpoint().unwrap().size(), 5);
}

#[tokio::test]
async fn a_node_that_lags_is_passed_over() {
    let mut world = World::new().await;
    let (old, new) = (world.ledger(3), world.ledger(5));
    world.recall(&new);
    world.all(|member| {
        let ledger = if member == 3 {
            new.clone()
        } else {
            old.clone()
        };
        move |request| Some(ledger.answer(request))
    });
    assert_eq!(world.client.checkpoint(NOW).await.unwrap().size(), 5);
}

#[tokio::test]
async fn a_checkpoint_that_nobody_signed_for_a_day_is_refused() {
    let world = World::honest(3).await;
    let day = 24 * 60 * 60;
    assert!(world.client.checkpoint(NOW.plus_seconds(day)).await.is_ok());
    let late = NOW.plus_seconds(day + 1);
    let refused = world.client.checkpoint(late).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::Stale)))
    ));
    let refused = world.client.trusted_parties(late).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::Stale)))
    ));
}

#[tokio::test]
async fn neg_l05_a_checkpoint_without_a_quorum_is_refused() {
    let mut world = World::new().await;
    let note = world.ledger(3).note();
    let (two_signatures, _third) = note.trim_end().rsplit_once('\n').unwrap();
    let two_signatures = format!("{two_signatures}\n");
    world.all(|_member| {
        let note = two_signatures.clone();
        move |_request| Some(Reply::text(&note))
    });
    let refused = world.client.checkpoint(NOW).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::Checkpoint(_))))
    ));
}

#[tokio::test]
async fn one_node_that_says_there_is_no_such_entry_is_not_believed() {
    let mut world = World::new().await;
    let ledger = world.ledger(3);
    for denying in 0..3 {
        world.node(denying, |_request| Some(Reply::status(404)));
    }
    world.all(|_member| {
        let ledger = ledger.clone();
        move |request| Some(ledger.answer(request))
    });
    assert!(world.client.entry(1).await.is_ok());
}

#[tokio::test]
async fn an_entry_beyond_the_end_is_not_found_when_enough_nodes_say_so() {
    let world = World::honest(3).await;
    assert!(matches!(
        world.client.entry(3).await,
        Err(ReadError::NotFound)
    ));

    let mut world = World::new().await;
    world.node(0, |_request| Some(Reply::status(404)));
    world.all(|_member| |_request: &Request| None);
    assert!(matches!(
        world.client.entry(3).await,
        Err(ReadError::Unavailable(_))
    ));
}

#[tokio::test]
async fn a_case_is_read_whole_although_one_node_hides_its_end() {
    for _order in 0..10 {
        let mut world = World::new().await;
        let ledger = world.ledger(7);
        world.node(1, {
            let shorter = world.ledger(4);
            move |request| Some(shorter.answer(request))
        });
        world.all(|_member| {
            let ledger = ledger.clone();
            move |request| Some(ledger.answer(request))
        });
        let entries = world.client.case(&case(0), &[]).await.unwrap();
        let indexes: Vec<u64> = entries.iter().map(|entry| entry.index()).collect();
        assert_eq!(indexes, [0, 2, 4, 6]);
    }
}

#[tokio::test]
async fn a_node_that_names_entries_of_another_case_is_passed_over() {
    for lie in [
        r#"{"records":[0,1,2,3]}"#,
        r#"{"records":[1,9999]}"#,
        r#"{"records":[1,1.5]}"#,
    ] {
        let mut world = World::new().await;
        let ledger = world.ledger(6);
        world.all(|member| {
            let ledger = ledger.clone();
            move |request| {
                if member == 0 && request.path.starts_with("/cases/") {
                    return Some(Reply::text(lie));
                }
                Some(ledger.answer(request))
            }
        });
        for _order in 0..8 {
            let entries = world.client.case(&case(1), &[]).await.unwrap();
            let indexes: Vec<u64> = entries.iter().map(|entry| entry.index()).collect();
            assert_eq!(indexes, [1, 3, 5], "{lie}");
        }
    }
}

#[tokio::test]
async fn a_case_that_nobody_knows_is_not_found() {
    let world = World::honest(6).await;
    assert!(world.client.case(&case(1), &[]).await.is_ok());
    let unknown = world.client.case(&case(9), &[]).await;
    assert!(matches!(unknown, Err(ReadError::NotFound)));
}

#[tokio::test]
async fn a_case_is_read_at_the_own_node_and_nobody_else_is_asked() {
    let world = World::honest(5).await;
    let entries = world.client.case_at(&case(0), "m1.example").await.unwrap();
    assert!(entries.is_sorted_by_key(|entry| entry.index()));
    assert_eq!(entries.len(), 3);
    let unknown = world.client.case_at(&case(9), "m1.example").await;
    assert!(matches!(unknown, Err(ReadError::NotFound)));
    assert!([0, 2, 3].iter().all(|other| world.asked(*other).is_empty()));

    let mut world = World::new().await;
    world.node(1, |_request| None);
    let dead = world.client.case_at(&case(0), "m1.example").await;
    assert!(matches!(dead, Err(ReadError::Unavailable(Some(_)))));
    let stranger = world.client.case_at(&case(0), "m9.example").await;
    assert!(matches!(stranger, Err(ReadError::Unavailable(None))));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut world = World::new().await;
    let ledger = world.ledger(3);
    let target = world.genesis.parties().members()[3].url.to_string();
    world.node(3, move |request| Some(ledger.answer(request)));
    world.all(|_member| {
        let target = target.clone();
        move |request| {
            let mut reply = Reply::status(307);
            reply.header = format!("location: {target}{}\r\n", request.path);
            Some(reply)
        }
    });
    assert!(world.client.checkpoint(NOW).await.is_ok());
    assert_eq!(world.asked(3), ["/checkpoint"]);
}

#[tokio::test]
async fn an_answer_beyond_its_bound_is_refused() {
    let mut world = World::new().await;
    world.all(|_member| |_request: &Request| Some(Reply::bytes(&vec![b'x'; 200_000])));
    let refused = world.client.checkpoint(NOW).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::TooLong)))
    ));
}

#[tokio::test]
async fn a_status_list_is_read_by_its_digest() {
    let mut world = World::new().await;
    let mut ledger = world.ledger(1);
    ledger.status_list = Some("a token".to_owned());
    world.all(|_member| {
        let ledger = ledger.clone();
        move |request| Some(ledger.answer(request))
    });
    let digest = ContentDigest::of(b"a token");
    assert_eq!(world.client.status_list(&digest).await.unwrap(), "a token");
    let other = ContentDigest::of(b"another token");
    let refused = world.client.status_list(&other).await;
    assert!(matches!(
        refused,
        Err(ReadError::Unavailable(Some(Fault::Digest)))
    ));
}

#[test]
fn a_member_whose_address_is_not_https_is_refused() {
    let urls: Vec<String> = (0..MEMBERS)
        .map(|n| format!("http://127.0.0.1:{}", 9000 + n))
        .collect();
    let options = Options {
        reach: Reach::HttpsOnly,
        certificates: Vec::new(),
    };
    let refused = RegistryClient::new(genesis(&urls), &options);
    assert!(matches!(refused, Err(ClientError::Address { member }) if member == name(0)));
}

#[test]
fn a_checkpoint_of_another_network_is_not_remembered() {
    let urls = |port: u16| {
        (0..4)
            .map(|n| format!("http://127.0.0.1:{}", port + n))
            .collect::<Vec<_>>()
    };
    let (ours, theirs) = (genesis(&urls(9000)), genesis(&urls(9100)));
    let options = Options {
        reach: Reach::DevelopmentLoopbackHttp,
        certificates: Vec::new(),
    };
    let client = RegistryClient::new(Arc::clone(&ours), &options).unwrap();
    assert!(client.recall(&Ledger::of(&theirs, 3).memory()).is_err());
    assert!(client.recall("no memory").is_err());
    assert!(client.recall(&Ledger::of(&ours, 3).memory()).is_ok());
}
