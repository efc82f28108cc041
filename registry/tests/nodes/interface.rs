//! Four real nodes: what they accept, what they refuse, what readers get.

use crate::cluster::Cluster;
use protocol::{
    identity::{Algorithm, SigningKey},
    registry::{
        CaseId, NetworkId, TrustedParties,
        checkpoint::{UnverifiedCheckpoint, VerifiedCheckpoint},
        merkle::TreeHash,
        receipt::verify_receipt,
        record::Record,
    },
};
use reqwest::StatusCode;
use serde_json::Value;

#[tokio::test]
async fn a_record_gets_a_receipt_and_every_node_shows_it() {
    let mut cluster = Cluster::start(4, 0).await;
    let records: Vec<Record> = (0..5).map(|_| cluster.opened_case()).collect();
    let first = cluster.record(0, &records[0]).await;
    assert_eq!(first.index(), 0);
    for (number, record) in records.iter().enumerate().skip(1) {
        let entry = cluster.record(number % 4, record).await;
        assert_eq!(entry.index(), number as u64);
    }
    for node in 0..4 {
        cluster
            .until("the node shows all", async || {
                cluster.size(node).await == Some(5)
            })
            .await;
        assert_entry(&cluster, node, 3, &records[3]).await;
        assert_tiles(&cluster, node, &records).await;
    }
    let consistency: Value = cluster
        .get(1, "/consistency?from=1")
        .await
        .json()
        .await
        .unwrap();
    let latest = checkpoint(&cluster, &consistency);
    let hashes = consistency["hashes"].as_array().unwrap().iter();
    let hash = |hash: &Value| TreeHash::from_base64(hash.as_str().unwrap()).unwrap();
    let hashes: Vec<TreeHash> = hashes.map(hash).collect();
    latest.verify_extends(first.checkpoint(), &hashes).unwrap();
    let between: Value = cluster
        .get(1, "/consistency?from=2&to=4")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!((&between["from"], &between["to"]), (&2.into(), &4.into()));
    assert_eq!(between["hashes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_trusted_parties_are_shown_before_the_first_record() {
    let cluster = Cluster::start(4, 0).await;
    let answer: Value = cluster
        .get(2, "/trusted-parties")
        .await
        .json()
        .await
        .unwrap();
    let document = answer["document"].as_str().unwrap();
    let parties = TrustedParties::verify(document, &checkpoint(&cluster, &answer)).unwrap();
    assert_eq!(parties.parties(), cluster.genesis.parties());
}

fn checkpoint(cluster: &Cluster, answer: &Value) -> VerifiedCheckpoint {
    let note = answer["checkpoint"].as_str().unwrap();
    let note = UnverifiedCheckpoint::parse(note.as_bytes()).unwrap();
    note.verify(cluster.genesis.committees()).unwrap()
}

async fn assert_entry(cluster: &Cluster, node: usize, index: u64, record: &Record) {
    let entry = cluster.get(node, &format!("/entries/{index}")).await;
    assert_eq!(entry.headers()["content-type"], "application/cbor");
    assert_eq!(entry.bytes().await.unwrap(), record.as_bytes());
    let proof = cluster
        .get(node, &format!("/proofs/{index}"))
        .await
        .text()
        .await
        .unwrap();
    let entry = verify_receipt(&proof, record.as_bytes(), cluster.genesis.committees()).unwrap();
    assert_eq!(entry.index(), index);
    assert_eq!(
        cluster.get(node, "/entries/5").await.status(),
        StatusCode::NOT_FOUND
    );
}

async fn assert_tiles(cluster: &Cluster, node: usize, records: &[Record]) {
    let bundle = cluster
        .get(node, "/tile/entries/000.p/5")
        .await
        .bytes()
        .await
        .unwrap();
    let lengths: usize = records
        .iter()
        .map(|record| record.as_bytes().len() + 2)
        .sum();
    assert_eq!(bundle.len(), lengths);
    let tile = cluster
        .get(node, "/tile/0/000.p/5")
        .await
        .bytes()
        .await
        .unwrap();
    assert_eq!(tile[32..64], *records[1].leaf_hash().as_bytes());
    assert_eq!(
        cluster.get(node, "/tile/0/000.p/6").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn neg_l02_the_same_record_gets_its_receipt_again_and_another_in_its_place_is_refused() {
    let mut cluster = Cluster::start(4, 0).await;
    let case = CaseId::random(&mut cluster.rng);
    let record = cluster.case_event(case, 0, 1);
    let index = cluster.record(0, &record).await.index();
    for node in 0..4 {
        assert_eq!(cluster.record(node, &record).await.index(), index);
    }
    let other = cluster.case_event(case, 0, 2);
    assert_eq!(
        cluster.refused(1, other.as_bytes()).await,
        (409, "conflict".into())
    );
    assert_eq!(cluster.size(1).await, Some(1));
    let indexes: Value = cluster
        .get(1, &format!("/cases/{case}"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(indexes, serde_json::json!({"records": [0]}));
}

#[tokio::test]
async fn neg_l01_l03_l04_records_that_must_not_stand_are_refused_and_change_nothing() {
    let mut cluster = Cluster::start(4, 0).await;
    let case = CaseId::random(&mut cluster.rng);
    let valid = cluster.case_event(case, 0, 1);

    let mut altered = valid.as_bytes().to_vec();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(
        cluster.refused(0, &altered).await,
        (403, "record_signature".into())
    );
    let stranger = SigningKey::generate(Algorithm::EdDsa, &mut cluster.rng);
    let of_stranger = Record::sign(cluster.genesis.network(), valid.body().clone(), &stranger);
    assert_eq!(
        cluster.refused(0, of_stranger.as_bytes()).await,
        (403, "not_authorised".into())
    );
    let elsewhere = NetworkId::from_bytes([1; 32]);
    let of_elsewhere = Record::sign(elsewhere, valid.body().clone(), &cluster.issuer);
    assert_eq!(
        cluster.refused(0, of_elsewhere.as_bytes()).await,
        (403, "wrong_network".into())
    );

    let skipped = cluster.case_event(case, 1, 2);
    assert_eq!(
        cluster.refused(0, skipped.as_bytes()).await,
        (422, "out_of_sequence".into())
    );

    assert_eq!(cluster.refused(0, b"").await.0, 400);
    assert_eq!(
        cluster.refused(0, b"{}").await,
        (400, "record_malformed".into())
    );
    assert_eq!(
        cluster
            .refused(0, &[valid.as_bytes(), b"x"].concat())
            .await
            .0,
        400
    );
    assert_eq!(cluster.refused(0, &vec![0; 16 * 1024]).await.0, 400);
    assert_eq!(cluster.refused(0, &vec![0; 16 * 1024 + 1]).await.0, 413);
    let json = cluster
        .client
        .post(cluster.url(0, "/records"))
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(json.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);

    assert_eq!(cluster.size(0).await, Some(0));
    assert_eq!(cluster.record(0, &valid).await.index(), 0);
}

#[tokio::test]
async fn neg_l10_places_that_do_not_exist_are_refused() {
    let cluster = Cluster::start(4, 0).await;
    for path in [
        "/entries/-1",
        "/entries/18446744073709551616",
        "/entries/01",
        "/entries/x",
        "/proofs/-1",
        "/consistency",
        "/consistency?from=-1",
        "/consistency?from=0&from=1",
        "/consistency?from=0&to=-1",
        "/consistency?from=0&upto=1",
        "/cases/xyz",
        "/cases/00",
        "/applications/..%2f..%2fetc%2fpasswd",
        "/tile/9/000",
        "/tile/..%2f..%2fetc/passwd",
        "/status-lists/00",
    ] {
        let answer = cluster.get(0, path).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
    for path in [
        "/entries/0",
        "/entries/18446744073709551615",
        "/consistency?from=1",
        "/consistency?from=0&to=1",
        "/proofs/0",
        "/tile/0/000",
    ] {
        assert_eq!(
            cluster.get(0, path).await.status(),
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    assert_eq!(
        cluster.get(0, "/consistency?from=0").await.status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn events_of_one_case_sent_at_once_to_several_nodes_all_find_their_place() {
    let mut cluster = Cluster::start(4, 0).await;
    let case = CaseId::random(&mut cluster.rng);
    let (opened, checked, closed) = (
        cluster.case_event(case, 0, 1),
        cluster.case_event(case, 1, 2),
        cluster.case_event(case, 2, 6),
    );
    let (opened, checked, closed) = futures::join!(
        cluster.record(0, &opened),
        cluster.record_in_turn(1, &checked),
        cluster.record_in_turn(2, &closed),
    );
    assert!(opened.index() < checked.index() && checked.index() < closed.index());
}

#[tokio::test]
async fn an_observer_takes_records_and_cosigns() {
    let mut cluster = Cluster::start(4, 1).await;
    let record = cluster.opened_case();
    // A quorum of five members is four: with one validator gone, the observer's signature is needed.
    cluster.kill(0);
    let entry = cluster.record(4, &record).await;
    assert!(entry.checkpoint().as_note().contains("member4.example"));
}
