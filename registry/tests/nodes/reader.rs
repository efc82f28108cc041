//! Real nodes through the client that trusts none of them.

use crate::cluster::Cluster;
use protocol::{
    Timestamp,
    identity::{Algorithm, SigningKey},
    registry::{
        ApplicationId, CaseId, Commitment, ContentDigest, ListId,
        anchor::{Anchor, AnchorOpening, AnchorTree},
        record::{
            Author, Body, CredentialBatch, Designation, Erasure, Outcome, Record, StatusListVersion,
        },
    },
};
use registry_client::{Options, Reach, ReadError, Refusal, RegistryClient, SubmitError};
use std::sync::Arc;

const ISSUER: &str = "https://issuer.example";
const LIST_URI: &str = "https://issuer.example/status/0";

pub(crate) fn client(cluster: &Cluster) -> RegistryClient {
    let options = Options {
        reach: Reach::DevelopmentLoopbackHttp,
        certificates: Vec::new(),
    };
    RegistryClient::new(Arc::new(cluster.genesis.clone()), &options).unwrap()
}

#[tokio::test]
async fn a_case_is_recorded_read_and_erased_through_the_client() {
    let mut cluster = Cluster::start(4, 0).await;
    let client = client(&cluster);
    let case = CaseId::random(&mut cluster.rng);
    assert!(matches!(
        client.case(&case, &[]).await,
        Err(ReadError::NotFound)
    ));
    for (sequence, code) in (0..).zip([1, 2, 6]) {
        let event = cluster.case_event(case, sequence, code);
        let receipt = client.submit(&event, &["member0.example"]).await.unwrap();
        assert_eq!(receipt.entry().index(), u64::from(sequence));
    }
    let erasure = Body::Erasure(Erasure {
        case,
        commitment: Commitment::from_bytes([1; 32]),
    });
    let erasure = Record::sign(cluster.genesis.network(), erasure, &cluster.issuer);
    client.submit(&erasure, &[]).await.unwrap();

    let entries = client.case(&case, &[]).await.unwrap();
    let indexes: Vec<u64> = entries.iter().map(|entry| entry.index()).collect();
    assert_eq!(indexes, [0, 1, 2, 3]);
    assert_eq!(entries[3].record(), &erasure);
    assert_eq!(client.entry(1).await.unwrap().record(), entries[1].record());
    assert!(matches!(client.entry(4).await, Err(ReadError::NotFound)));
}

#[tokio::test]
async fn holders_of_either_kind_of_key_designate_and_the_designated_key_decides() {
    let mut cluster = Cluster::start(4, 0).await;
    let client = client(&cluster);
    for (sequence, algorithm) in (0..).zip([Algorithm::EdDsa, Algorithm::Es256]) {
        let holder = SigningKey::generate(algorithm, &mut cluster.rng);
        let outcome_key = SigningKey::generate(Algorithm::EdDsa, &mut cluster.rng);
        let anchor = Anchor {
            nonce: [1; 32],
            signing_input_hash: [2; 32],
            thumbprint: Author::of(holder.public_key()).thumbprint(),
        };
        let tree = AnchorTree::build(vec![anchor.leaf()], 8, &mut cluster.rng).unwrap();
        let batch = Body::CredentialBatch(CredentialBatch {
            sequence,
            root: tree.root(),
            depth: tree.depth(),
        });
        let sign = |body, key: &SigningKey| Record::sign(cluster.genesis.network(), body, key);
        let batch = client.submit(&sign(batch, &cluster.issuer), &[]).await;
        let batch = batch.unwrap().entry().index();

        let application = ApplicationId::from_bytes([u8::try_from(sequence).unwrap(); 16]);
        let designation = Body::Designation(Designation {
            application,
            anchor: AnchorOpening {
                nonce: anchor.nonce,
                signing_input_hash: anchor.signing_input_hash,
                batch,
                leaf: 0,
                path: tree.path(0).unwrap(),
            },
            commitment: Commitment::from_bytes([3; 32]),
            outcome_key: outcome_key.public_key().to_bytes().try_into().unwrap(),
            expires: service::clock::now().plus_seconds(3600),
        });
        let designation = sign(designation, &holder);
        let receipt = client.submit(&designation, &["member1.example"]).await;
        let standing = receipt.unwrap().entry().record().clone();
        assert_eq!(standing, designation);

        for (sequence, code) in [(0, 1), (1, 2)] {
            let outcome = |commitment| {
                Body::Outcome(Outcome {
                    application,
                    sequence,
                    code,
                    commitment: Commitment::from_bytes([commitment; 32]),
                })
            };
            let by_holder = client.submit(&sign(outcome(4), &holder), &[]).await;
            let refused = matches!(by_holder, Err(SubmitError::Refused(Refusal::NotAuthorised)));
            assert!(refused, "{by_holder:?}");
            client
                .submit(&sign(outcome(4), &outcome_key), &[])
                .await
                .unwrap();
            let twice = client.submit(&sign(outcome(5), &outcome_key), &[]).await;
            assert!(matches!(
                twice,
                Err(SubmitError::Refused(Refusal::Conflict))
            ));
        }
        let entries = client.application(&application).await.unwrap();
        assert_eq!(entries.len(), 3);
        assert_eq!(entries[0].record(), &designation);
    }
}

#[tokio::test]
async fn a_statement_signed_twice_by_ecdsa_stands_once() {
    let mut cluster = Cluster::start(4, 0).await;
    let client = client(&cluster);
    let holder = SigningKey::generate(Algorithm::Es256, &mut cluster.rng);
    let body = Body::Erasure(Erasure {
        case: CaseId::random(&mut cluster.rng),
        commitment: Commitment::from_bytes([1; 32]),
    });
    let record = Record::sign(cluster.genesis.network(), body, &holder);
    let refused = client.submit(&record, &[]).await;
    assert!(matches!(refused, Err(SubmitError::Refused(_))));

    let anchor = Anchor {
        nonce: [1; 32],
        signing_input_hash: [2; 32],
        thumbprint: Author::of(holder.public_key()).thumbprint(),
    };
    let tree = AnchorTree::build(vec![anchor.leaf()], 2, &mut cluster.rng).unwrap();
    let batch = Body::CredentialBatch(CredentialBatch {
        sequence: 0,
        root: tree.root(),
        depth: tree.depth(),
    });
    let batch = Record::sign(cluster.genesis.network(), batch, &cluster.issuer);
    client.submit(&batch, &[]).await.unwrap();
    let designation = Body::Designation(Designation {
        application: ApplicationId::random(&mut cluster.rng),
        anchor: AnchorOpening {
            nonce: anchor.nonce,
            signing_input_hash: anchor.signing_input_hash,
            batch: 0,
            leaf: 0,
            path: tree.path(0).unwrap(),
        },
        commitment: Commitment::from_bytes([3; 32]),
        outcome_key: [4; 32],
        expires: service::clock::now().plus_seconds(3600),
    });
    let sign = || Record::sign(cluster.genesis.network(), designation.clone(), &holder);
    let (first, second) = (sign(), sign());
    assert_ne!(first.as_bytes(), second.as_bytes());
    let one = client.submit(&first, &[]).await.unwrap();
    let other = client.submit(&second, &[]).await.unwrap();
    assert_eq!(one.entry().index(), other.entry().index());
    assert_eq!(other.entry().record(), &first);
}

#[tokio::test]
async fn the_latest_status_list_is_named_by_the_trusted_parties_and_mirrored() {
    let cluster = Cluster::start(4, 0).await;
    let client = client(&cluster);
    for (sequence, token) in (0..).zip(["the first token", "the second token"]) {
        let version = Body::StatusListVersion(StatusListVersion {
            list: ListId::of_uri(LIST_URI),
            sequence,
            digest: ContentDigest::of(token.as_bytes()),
        });
        let version = Record::sign(cluster.genesis.network(), version, &cluster.issuer);
        client.submit(&version, &[]).await.unwrap();
        assert_eq!(client.publish_status_list(token).await.unwrap(), 4);

        let now = service::clock::now();
        let trusted = client.trusted_parties(now).await.unwrap();
        let latest = trusted.status_list(ISSUER, LIST_URI).unwrap();
        assert_eq!(latest.sequence, sequence);
        assert_eq!(client.status_list(&latest.digest).await.unwrap(), token);
    }
    let stale = client.publish_status_list("the first token").await;
    assert!(matches!(stale, Err(ReadError::Unavailable(_))));
}

#[tokio::test]
async fn readers_with_different_memories_agree_while_the_ledger_grows() {
    let mut cluster = Cluster::start(4, 0).await;
    let readers: Vec<RegistryClient> = (0..3).map(|_| client(&cluster)).collect();
    let writer = client(&cluster);
    let mut last = 0;
    for round in 0..20 {
        let record = cluster.opened_case();
        writer.submit(&record, &[]).await.unwrap();
        let reader = &readers[round % 3];
        let checkpoint = reader.checkpoint(service::clock::now()).await.unwrap();
        // A node may be a checkpoint behind: the first that it shows may be that of the empty ledger.
        let Some(newest) = checkpoint.size().checked_sub(1) else {
            continue;
        };
        let entry = reader.entry(newest).await.unwrap();
        assert_eq!(entry.index(), newest);
        last = last.max(checkpoint.size());
    }
    let size = writer.last_checkpoint().unwrap().size();
    assert!(size == 20 && last >= 17, "{size} {last}");
}

#[tokio::test]
async fn a_reader_with_a_memory_of_another_future_is_not_taken_back() {
    let mut cluster = Cluster::start(4, 0).await;
    let client = client(&cluster);
    let record = cluster.opened_case();
    client.submit(&record, &[]).await.unwrap();
    let late = Timestamp::from_unix(service::clock::now().as_unix() + 25 * 3600);
    let stale = client.checkpoint(late).await;
    assert!(matches!(stale, Err(ReadError::Unavailable(_))));

    // A new client with the old one's memory reads on; every node is killed and comes back with the same ledger.
    let memory = client.memory().unwrap();
    for node in 0..4 {
        cluster.kill(node);
    }
    cluster.start_all().await;
    let again = self::client(&cluster);
    again.recall(&memory).unwrap();
    assert_eq!(again.entry(0).await.unwrap().record(), &record);
}
