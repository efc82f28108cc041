//! Verification item 4-A: new rules take effect while the service runs.

use crate::{cluster::Cluster, reader::client};
use protocol::registry::{
    CaseId, Commitment,
    record::{Body, CaseEvent, Record},
};
use registry_client::{Refusal, RegistryClient, SubmitError};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

const CLIENTS: u8 = 6;
/// Cases that each client finishes under the second definition before it stops.
const CASES_AFTER: usize = 3;

/// The second definition asks for one more check before a case may be closed.
fn second_definition(activation_height: u64) -> Value {
    json!({"version": 2, "activation_height": activation_height, "steps": [
        {"code": 1, "name": "opened", "after": []},
        {"code": 2, "name": "identity_document", "after": [1]},
        {"code": 3, "name": "name_identification", "after": [1]},
        {"code": 6, "name": "closed", "after": [2, 3], "terminal": true},
    ]})
}

/// One issuer's clerk, who follows the definition known to them until the ledger refuses it.
struct Clerk {
    client: RegistryClient,
    key: Arc<protocol::identity::SigningKey>,
    definition: u32,
}

impl Clerk {
    async fn submit(&mut self, case: CaseId, sequence: u32, code: u16) {
        for _attempt in 0..2 {
            let event = Body::CaseEvent(CaseEvent {
                case,
                sequence,
                code,
                definition: self.definition,
                commitment: Commitment::from_bytes([7; 32]),
            });
            let record = Record::sign(self.client.genesis().network(), event, &self.key);
            match self.client.submit(&record, &[]).await {
                Ok(_receipt) => return,
                Err(SubmitError::Refused(Refusal::AgainstRules)) if self.definition == 1 => {
                    self.definition = 2;
                }
                Err(error) => panic!("the service is not there: {error:?}"),
            }
        }
        panic!("refused under both definitions");
    }

    /// Runs cases from opening to closing, until enough were closed under the second definition.
    async fn run(mut self, number: u8) {
        let mut after = 0;
        for round in 0.. {
            let mut id = [number; 16];
            id[..8].copy_from_slice(&u64::to_be_bytes(round));
            let case = CaseId::from_bytes(id);
            let begun_under = self.definition;
            self.submit(case, 0, 1).await;
            self.submit(case, 1, 2).await;
            if self.definition == 1 {
                // Refused if the second definition became active meanwhile, and then repeated under it: the check it
                // asks for is a step of the second definition alone.
                self.close_or_check(case).await;
            } else {
                self.submit(case, 2, 3).await;
                self.submit(case, 3, 6).await;
                // A case that was open when the definition changed is not wholly under the second.
                after += usize::from(begun_under == 2);
            }
            if after == CASES_AFTER {
                return;
            }
        }
    }

    async fn close_or_check(&mut self, case: CaseId) {
        let close = Body::CaseEvent(CaseEvent {
            case,
            sequence: 2,
            code: 6,
            definition: 1,
            commitment: Commitment::from_bytes([7; 32]),
        });
        let record = Record::sign(self.client.genesis().network(), close, &self.key);
        match self.client.submit(&record, &[]).await {
            Ok(_receipt) => {}
            Err(SubmitError::Refused(Refusal::AgainstRules)) => {
                self.definition = 2;
                self.submit(case, 2, 3).await;
                self.submit(case, 3, 6).await;
            }
            Err(error) => panic!("the service is not there: {error:?}"),
        }
    }
}

#[tokio::test]
async fn item_4a_a_process_definition_becomes_active_under_load_without_a_pause() {
    const ACTIVATION_HEIGHT: u64 = 60;
    let definition = second_definition(ACTIVATION_HEIGHT);
    let cluster = Cluster::start_with(4, 0, &[definition]).await;
    let key = Arc::new(cluster.copy_of_issuer_key());
    let mut clerks = JoinSet::new();
    for number in 0..CLIENTS {
        let clerk = Clerk {
            client: client(&cluster),
            key: Arc::clone(&key),
            definition: 1,
        };
        clerks.spawn(clerk.run(number));
    }
    while let Some(ended) = clerks.join_next().await {
        ended.unwrap();
    }

    let reader = client(&cluster);
    let size = reader
        .checkpoint(service::clock::now())
        .await
        .unwrap()
        .size();
    let mut definitions = Vec::new();
    for index in 0..size {
        let entry = reader.entry(index).await.unwrap();
        let Body::CaseEvent(event) = entry.record().body() else {
            panic!("only events were submitted");
        };
        definitions.push(event.definition);
    }
    assert!(
        definitions.is_sorted(),
        "the first definition was followed after the second"
    );
    let under_the_first = definitions.iter().filter(|version| **version == 1).count();
    assert!(
        under_the_first >= usize::from(CLIENTS) * 3,
        "{under_the_first}"
    );
    assert!(definitions.len() - under_the_first >= usize::from(CLIENTS) * CASES_AFTER * 4);
}
