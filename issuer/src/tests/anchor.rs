use axum::http::StatusCode;
use protocol::{
    issuance::AnchorsResponse,
    registry::record::{Body, UnverifiedRecord},
};
use serde_json::json;

use super::{
    Registry, Site,
    wallet::{Wallet, keys, request_credentials},
};
use crate::anchor::run_round;

async fn anchors(site: &Site, id: &serde_json::Value) -> AnchorsResponse {
    let answer = site
        .post("/anchors", None, &json!({"notification_id": id}))
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    AnchorsResponse::parse(&answer.body).unwrap()
}

#[tokio::test]
async fn the_instances_of_an_issuance_are_anchored_over_several_batches_and_open() {
    let site = Site::new(&Registry::Confirms);
    let (_wallet, access) = Wallet::with_access(&site).await;
    let keys = keys(4);
    let issued = request_credentials(&site, &access, &keys).await;
    let id = &issued.json["notification_id"];
    assert!(
        anchors(&site, id)
            .await
            .anchors
            .iter()
            .all(|anchor| anchor.proof.is_none())
    );

    let site = site.restart(&Registry::Silent).await;
    run_round(&site.issuer).unwrap();
    assert!(
        anchors(&site, id).await.anchors[0].proof.is_none(),
        "not before the registry confirmed"
    );
    site.confirm_all();
    assert!(
        anchors(&site, id).await.anchors[0].proof.is_some(),
        "the first at once"
    );
    assert!(anchors(&site, id).await.anchors[1].proof.is_none());

    let site = site.restart(&Registry::Silent).await;
    while run_round(&site.issuer).unwrap() {}
    site.confirm_all();
    for (anchor, key) in anchors(&site, id).await.anchors.iter().zip(&keys) {
        let proof = anchor.proof.as_ref().unwrap();
        let record = UnverifiedRecord::decode(&proof.record).unwrap();
        let record = record.verify(&site.issuer.author.network).unwrap();
        let Body::CredentialBatch(batch) = record.body() else {
            panic!("not a batch");
        };
        assert_eq!(batch.depth, 4, "padded to sixteen leaves");
        let opening = proof.opening(anchor.signing_input_hash);
        assert_eq!(opening.verify(key.public_key().thumbprint(), batch), Ok(()));
    }
}

#[tokio::test]
async fn anchors_of_an_unknown_issuance_are_not_found() {
    let site = Site::new(&Registry::Confirms);
    let answer = site
        .post("/anchors", None, &json!({"notification_id": "guess"}))
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(
        site.post("/anchors", None, &json!({})).await.status,
        StatusCode::BAD_REQUEST
    );
}
