//! From a submission to its receipt, with blocks made by hand.

use crate::{
    fixture::{Network, block, bytes},
    mempool::{Origin, RECORDS_MAX},
    replica::{Replica, SubmitError},
    state::Rejection,
};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use protocol::registry::{ContentDigest, receipt::verify_receipt, record::Record};
use registry_consensus::{Application as _, OrderedBlock};
use std::{sync::Arc, time::Instant};
use tempfile::TempDir;
use tower::ServiceExt as _;

pub(super) fn replica(members: u8) -> (Network, Arc<Replica>, TempDir) {
    let (network, directory) = (Network::of(members), tempfile::tempdir().unwrap());
    let replica = Arc::new(network.replica(0, directory.path()));
    (network, replica, directory)
}

fn submit(
    replica: &Arc<Replica>,
    record: &Record,
) -> tokio::task::JoinHandle<Result<String, SubmitError>> {
    let (replica, record) = (replica.clone(), bytes(record));
    tokio::spawn(async move { replica.submit(&record).await })
}

/// Commits whatever is proposed at a height, once something is.
pub(super) async fn commit_next(replica: &Replica, height: u64) {
    let mut records = Vec::new();
    while records.is_empty() {
        tokio::task::yield_now().await;
        records = replica.propose(&[], height, block(height, &[]).time_ms);
    }
    let next = OrderedBlock {
        records,
        ..block(height, &[])
    };
    replica.commit(&next).unwrap();
}

#[tokio::test]
async fn a_receipt_comes_with_the_block_and_verifies_offline() {
    let (network, replica, _directory) = replica(1);
    let record = network.event(1, 0, 1);
    let submission = submit(&replica, &record);
    commit_next(&replica, 1).await;
    let receipt = submission.await.unwrap().unwrap();
    let entry = verify_receipt(&receipt, record.as_bytes(), network.genesis.committees()).unwrap();
    assert_eq!(entry.index(), 0);
    // Again, after it is final: the same place.
    let receipt = replica.submit(record.as_bytes()).await.unwrap();
    let entry = verify_receipt(&receipt, record.as_bytes(), network.genesis.committees()).unwrap();
    assert_eq!(entry.index(), 0);
}

#[tokio::test(start_paused = true)]
async fn no_receipt_is_given_without_a_quorum() {
    let (network, replica, _directory) = replica(4);
    let record = network.event(1, 0, 1);
    let submission = submit(&replica, &record);
    commit_next(&replica, 1).await;
    assert!(matches!(
        submission.await.unwrap(),
        Err(SubmitError::NotYet)
    ));
    assert_eq!(
        replica.entry(0).unwrap(),
        None,
        "readers see what a quorum signed"
    );
}

#[tokio::test]
async fn a_submission_that_loses_its_place_to_another_is_told_so() {
    let (network, replica, _directory) = replica(1);
    let (one, other) = (network.event(1, 0, 1), network.event(1, 0, 2));
    let submission = submit(&replica, &one);
    tokio::task::yield_now().await;
    let winner = network.event(1, 0, 1);
    assert_eq!(winner.id(), one.id());
    replica.commit(&block(1, &[&winner])).unwrap();
    assert!(submission.await.unwrap().is_ok());
    let lost = replica.submit(other.as_bytes()).await;
    assert!(matches!(
        lost,
        Err(SubmitError::Rejected(Rejection::Conflict))
    ));
}

#[tokio::test(start_paused = true)]
async fn neg_l03_a_skipped_step_is_refused_after_a_short_wait() {
    let (network, replica, _directory) = replica(1);
    let refused = replica.submit(network.event(1, 1, 2).as_bytes()).await;
    let expected = Rejection::OutOfSequence { expected: 0 };
    assert!(matches!(refused, Err(SubmitError::Rejected(rejection)) if rejection == expected));
    assert!(replica.propose(&[], 1, block(1, &[]).time_ms).is_empty());
}

#[tokio::test]
async fn a_record_that_comes_before_the_one_it_follows_waits_for_it() {
    let (network, replica, _directory) = replica(1);
    let second = submit(&replica, &network.event(1, 1, 2));
    tokio::task::yield_now().await;
    let first = submit(&replica, &network.event(1, 0, 1));
    commit_next(&replica, 1).await;
    assert!(first.await.unwrap().is_ok());
    commit_next(&replica, 2).await;
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_full_mempool_refuses_and_keeps_what_it_has() {
    let (network, replica, _directory) = replica(1);
    for number in 0..u32::try_from(RECORDS_MAX).unwrap() {
        let record = Arc::new(network.event(200, number + 1, 2));
        replica
            .mempool()
            .offer(record, Origin::Here, Instant::now())
            .unwrap();
    }
    let one_more = replica.submit(network.event(1, 0, 1).as_bytes()).await;
    assert!(matches!(one_more, Err(SubmitError::Full(_))));
    assert_eq!(replica.mempool().len(), RECORDS_MAX);
}

#[test]
fn what_can_stand_on_the_ledger_no_more_is_forgotten() {
    let (network, replica, _directory) = replica(1);
    let (lost, open) = (network.event(1, 0, 2), network.event(2, 0, 1));
    for record in [&lost, &open] {
        let offered = (Arc::new(record.clone()), Origin::Here, Instant::now());
        replica
            .mempool()
            .offer(offered.0, offered.1, offered.2)
            .unwrap();
    }
    replica
        .commit(&block(1, &[&network.event(1, 0, 1)]))
        .unwrap();
    replica.forget_impossible();
    assert!(!replica.mempool().contains(&lost.id()));
    assert!(replica.mempool().contains(&open.id()));
}

#[test]
fn a_status_list_token_is_mirrored_only_while_it_is_the_latest() {
    let (network, replica, _directory) = replica(1);
    assert!(!replica.mirror_status_list(b"first").unwrap());
    replica
        .commit(&block(1, &[&network.status_list(0, b"first")]))
        .unwrap();
    assert!(replica.mirror_status_list(b"first").unwrap());
    assert!(!replica.mirror_status_list(b"forged").unwrap());
    let digest = ContentDigest::of(b"first");
    assert_eq!(replica.status_list(&digest).unwrap().unwrap(), "first");
    replica
        .commit(&block(2, &[&network.status_list(1, b"second")]))
        .unwrap();
    assert!(!replica.mirror_status_list(b"first").unwrap());
    assert!(replica.mirror_status_list(b"second").unwrap());
    assert_eq!(replica.status_list(&digest).unwrap(), None);
}

#[tokio::test]
async fn n11_a_record_that_finds_no_place_is_answered_with_503_and_can_be_sent_again() {
    let (network, replica, _directory) = replica(1);
    for number in 0..u32::try_from(RECORDS_MAX).unwrap() {
        let record = Arc::new(network.event(200, number + 1, 2));
        let offered = replica
            .mempool()
            .offer(record, Origin::Here, Instant::now());
        offered.unwrap();
    }
    let router = service::serve::shell(crate::api::router(replica.clone()));
    let record = network.event(1, 0, 1);
    let send = || {
        let request = Request::post("/records").header("content-type", "application/cbor");
        let request = request
            .body(Body::from(record.as_bytes().to_vec()))
            .unwrap();
        router.clone().oneshot(request)
    };
    let refused = send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem = axum::body::to_bytes(refused.into_body(), 4096)
        .await
        .unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(problem["code"], "too_many_records_wait");
    assert_eq!(replica.mempool().len(), RECORDS_MAX);

    for number in 0..u32::try_from(RECORDS_MAX).unwrap() {
        let record = network.event(200, number + 1, 2);
        replica.mempool().remove(&record.id());
    }
    let again = tokio::spawn(send());
    commit_next(&replica, 1).await;
    assert_eq!(again.await.unwrap().unwrap().status(), StatusCode::OK);
}
