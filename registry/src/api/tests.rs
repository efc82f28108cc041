use crate::fixture::{NOW, Network, block, bytes};
use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode},
};
use protocol::registry::{BlocksDigest, ContentDigest, record::RECORD_BYTES_MAX};
use registry_consensus::Application as _;
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;
use tower::ServiceExt as _;

fn node() -> (Network, Arc<crate::replica::Replica>, Router, TempDir) {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let replica = Arc::new(network.replica(0, directory.path()));
    let router = service::serve::shell(super::router(replica.clone()));
    (network, replica, router, directory)
}

async fn send(
    router: &Router,
    method: &str,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> Response<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", content_type);
    let request = request.body(Body::from(body)).unwrap();
    router.clone().oneshot(request).await.unwrap()
}

const TOKEN: &str = "application/statuslist+jwt";

#[tokio::test]
async fn a_status_list_is_taken_under_its_latest_digest_and_no_other() {
    let (network, replica, router, _directory) = node();
    replica
        .commit(&block(1, &[&network.status_list(0, b"token")]))
        .unwrap();
    let path = format!("/status-lists/{}", ContentDigest::of(b"token"));
    let other = format!("/status-lists/{}", ContentDigest::of(b"other"));
    assert_eq!(
        send(&router, "GET", &path, TOKEN, vec![]).await.status(),
        StatusCode::NOT_FOUND
    );
    for (path, content_type, body, status) in [
        (
            &path,
            "text/plain",
            b"token".to_vec(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (&path, TOKEN, b"other".to_vec(), StatusCode::BAD_REQUEST),
        (&other, TOKEN, b"other".to_vec(), StatusCode::BAD_REQUEST),
        (&other, TOKEN, b"token".to_vec(), StatusCode::BAD_REQUEST),
        (
            &path,
            TOKEN,
            vec![b'x'; 8 * 1024 * 1024 + 1],
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (&path, TOKEN, b"token".to_vec(), StatusCode::NO_CONTENT),
        (&path, TOKEN, b"token".to_vec(), StatusCode::NO_CONTENT),
    ] {
        assert_eq!(
            send(&router, "PUT", path, content_type, body)
                .await
                .status(),
            status
        );
    }
    let token = send(&router, "GET", &path, TOKEN, vec![]).await;
    assert_eq!(token.status(), StatusCode::OK);
    assert_eq!(token.headers()["content-type"], TOKEN);
    assert_eq!(
        token.headers()["cache-control"],
        "public, max-age=31536000, immutable"
    );
}

#[tokio::test]
async fn neg_l04_a_body_one_byte_over_a_record_is_too_large() {
    let (_network, _replica, router, _directory) = node();
    let cbor = "application/cbor";
    assert_eq!(
        send(&router, "POST", "/records", cbor, vec![0; RECORD_BYTES_MAX])
            .await
            .status(),
        400
    );
    assert_eq!(
        send(
            &router,
            "POST",
            "/records",
            cbor,
            vec![0; RECORD_BYTES_MAX + 1]
        )
        .await
        .status(),
        413
    );
}

#[tokio::test]
async fn neg_e05_a_record_of_another_content_type_is_refused_and_not_submitted() {
    let (network, replica, router, _directory) = node();
    let record = bytes(&network.event(1, 0, 1)).to_vec();
    for content_type in [
        "application/json",
        "application/cbor; charset=utf-7",
        "multipart/form-data",
    ] {
        let answer = send(&router, "POST", "/records", content_type, record.clone()).await;
        assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    assert!(replica.propose(&[], 1, block(1, &[]).time_ms).is_empty());
}

#[tokio::test]
async fn other_methods_and_paths_are_problems() {
    let (_network, _replica, router, _directory) = node();
    let delete = send(&router, "DELETE", "/records", TOKEN, vec![]).await;
    assert_eq!(delete.status(), StatusCode::METHOD_NOT_ALLOWED);
    let nowhere = send(&router, "GET", "/nowhere", TOKEN, vec![]).await;
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        nowhere.headers()["content-type"],
        "application/problem+json"
    );
}

#[tokio::test]
async fn the_blocks_that_a_node_tells_are_those_of_its_checkpoint() {
    let (network, replica, router, _directory) = node();
    let (first, second) = (network.event(1, 0, 1), network.event(2, 0, 1));
    let third = network.event(1, 1, 2);
    for block in [
        block(3, &[&first, &second]),
        block(4, &[]),
        block(7, &[&third]),
    ] {
        replica.commit(&block).unwrap();
    }
    let tile = send(&router, "GET", "/tile/blocks/000.p/3", "", vec![]).await;
    assert_eq!(tile.status(), StatusCode::OK);
    let tile = axum::body::to_bytes(tile.into_body(), 1024).await.unwrap();
    let numbers: Vec<u64> = tile
        .chunks(8)
        .map(|number| u64::from_be_bytes(number.try_into().unwrap()))
        .collect();
    let time = |height: u64| NOW.as_unix() + height;
    assert_eq!(numbers, [3, time(3), 3, time(3), 7, time(7)]);
    let blocks =
        BlocksDigest::START
            .then(0, 3, NOW.plus_seconds(3))
            .then(2, 7, NOW.plus_seconds(7));
    let latest = replica.latest().unwrap();
    assert_eq!(latest.checkpoint.checkpoint().blocks, blocks);

    let longer = send(&router, "GET", "/tile/blocks/000.p/4", "", vec![]).await;
    assert_eq!(longer.status(), StatusCode::NOT_FOUND);
    let malformed = send(&router, "GET", "/tile/blocks/0", "", vec![]).await;
    assert_eq!(malformed.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn proposals_are_listed_with_the_records_that_show_them() {
    let (network, replica, router, _directory) = node();
    let get = async |path: &str| {
        let answer = send(&router, "GET", path, "", vec![]).await;
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 65_536).await;
        let body = serde_json::from_slice::<serde_json::Value>(&body.unwrap());
        (status, body.unwrap())
    };
    let nothing = json!({"height": 0, "proposals": []});
    assert_eq!(get("/proposals").await, (200, nothing));
    // The only member decides alone: its proposal is adopted at once.
    let proposal = network.proposal(0, Network::admission(1));
    replica.commit(&block(5, &[&proposal])).unwrap();
    let id = proposal.id().to_string();
    let listed = json!({"proposal": id, "index": 0, "approvals": [], "adopted": {"height": 5, "effect": 2_000}});
    let all = json!({"height": 5, "proposals": [listed.clone()]});
    assert_eq!(get("/proposals").await, (200, all));
    assert_eq!(get(&format!("/proposals/{id}")).await, (200, listed));
    assert_eq!(get(&format!("/proposals/{}", "0".repeat(64))).await.0, 404);
    assert_eq!(get("/proposals/1").await.0, 400);
}

#[tokio::test]
async fn what_no_quorum_has_signed_for_is_not_listed() {
    let (network, directory) = (Network::of(2), tempfile::tempdir().unwrap());
    let replica = Arc::new(network.replica(0, directory.path()));
    let proposal = network.proposal(0, Network::admission(2));
    replica.commit(&block(5, &[&proposal])).unwrap();
    assert!(replica.proposals().proposals.is_empty());
    assert!(replica.proposal(&proposal.id()).is_none());
}

#[tokio::test]
async fn handovers_are_shown_from_a_height_on() {
    let (network, replica, router, _directory) = node();
    let proposal = network.proposal(0, Network::admission(1));
    replica.commit(&block(5, &[&proposal])).unwrap();
    for (path, count) in [("/handovers?from=5", 1), ("/handovers?from=6", 0)] {
        let answer = send(&router, "GET", path, "", vec![]).await;
        let body = axum::body::to_bytes(answer.into_body(), 65_536).await;
        let body: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
        let handovers = body["handovers"].as_array().unwrap();
        assert_eq!(handovers.len(), count, "{path}");
        assert!(handovers.iter().all(|it| it["document"].is_string()));
    }
    for path in ["/handovers", "/handovers?from=-1", "/handovers?from=05"] {
        let refused = send(&router, "GET", path, "", vec![]).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn a_node_of_no_member_shows_what_it_has_and_nothing_as_the_latest() {
    for (peer, latest) in [(0, StatusCode::OK), (9, StatusCode::SERVICE_UNAVAILABLE)] {
        let (network, replica, router, _directory) = node();
        let record = network.event(1, 0, 1);
        replica.commit(&block(1, &[&record])).unwrap();
        let me = [crate::fixture::peer(peer)];
        let _relayed = replica.start_relaying(Vec::new(), &me, 100).unwrap();
        for (path, status) in [
            ("/checkpoint", latest),
            ("/trusted-parties", latest),
            ("/entries/0", StatusCode::OK),
            ("/proofs/0", StatusCode::OK),
            ("/handovers?from=0", StatusCode::OK),
        ] {
            let answer = send(&router, "GET", path, "", vec![]).await;
            assert_eq!(answer.status(), status, "{path}");
        }
        let standing = bytes(&record).to_vec();
        let again = send(&router, "POST", "/records", "application/cbor", standing).await;
        assert_eq!(
            again.status(),
            StatusCode::OK,
            "what stands has its receipt"
        );
    }
    let (network, replica, router, _directory) = node();
    let nobody = [crate::fixture::peer(9)];
    let _relayed = replica.start_relaying(Vec::new(), &nobody, 100).unwrap();
    let new = bytes(&network.event(1, 0, 1)).to_vec();
    let refused = send(&router, "POST", "/records", "application/cbor", new).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn an_outcome_is_taken_for_relaying_and_other_bodies_are_not() {
    let (network, replica, router, _directory) = node();
    let [batch, designation, received, _decided] = network.application();
    replica.commit(&block(1, &[&batch, &designation])).unwrap();
    let cbor = "application/cbor";
    let relay = async |content_type: &'static str, body: &[u8]| {
        let answer = send(&router, "POST", "/relay", content_type, body.to_vec()).await;
        answer.status()
    };
    let busy = StatusCode::SERVICE_UNAVAILABLE;
    assert_eq!(relay(cbor, received.as_bytes()).await, busy);
    let key = protocol::relay::relay_key(&crate::fixture::key(0)).unwrap();
    let _relayed = replica
        .start_relaying(vec![key], &[crate::fixture::peer(0)], 100)
        .unwrap();
    for (content_type, body, status) in [
        (cbor, received.as_bytes(), StatusCode::ACCEPTED),
        (cbor, received.as_bytes(), StatusCode::ACCEPTED),
        (cbor, batch.as_bytes(), StatusCode::BAD_REQUEST),
        (cbor, &[0; 254], StatusCode::BAD_REQUEST),
        (cbor, &[0; 255], StatusCode::PAYLOAD_TOO_LARGE),
        (
            "text/plain",
            received.as_bytes(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
    ] {
        assert_eq!(relay(content_type, body).await, status);
    }
}
