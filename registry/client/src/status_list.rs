//! Status lists, which nodes mirror so that no issuer sees who is being checked.

use protocol::registry::ContentDigest;
use protocol::registry::checkpoint::Committees;

use crate::{Fault, ReadError, RegistryClient};

const STATUS_LIST_BYTES_MAX: usize = 8 * 1024 * 1024;

impl RegistryClient {
    /// The status list token of a digest that stands on the ledger.
    ///
    /// # Errors
    ///
    /// Fails if no node has it.
    pub async fn status_list(&self, digest: &ContentDigest) -> Result<String, ReadError> {
        let verify = |answers: &[Vec<u8>], _committees: &Committees| {
            let [token] = answers else {
                return Err(Fault::Malformed);
            };
            if ContentDigest::of(token) != *digest {
                return Err(Fault::Digest);
            }
            let token = str::from_utf8(token).map_err(|_cause| Fault::Malformed)?;
            Ok((token.to_owned(), None))
        };
        let resource = (format!("/status-lists/{digest}"), STATUS_LIST_BYTES_MAX);
        self.read(&[resource], verify).await
    }

    /// Gives all nodes the token whose digest was just recorded, and says how many took it.
    ///
    /// # Errors
    ///
    /// Fails if none did.
    pub async fn publish_status_list(&self, token: &str) -> Result<usize, ReadError> {
        let path = format!("/status-lists/{}", ContentDigest::of(token.as_bytes()));
        let mut waiting = self.shuffled(&[]);
        let nodes = waiting.len();
        let mut last_fault = None;
        let mut pauses = self.pauses.iter();
        loop {
            let mut failed = Vec::new();
            for node in waiting {
                if let Err(fault) = node.put_status_list(&path, token).await {
                    tracing::warn!(node = node.name(), %fault, "a node did not take a status list");
                    last_fault = Some(fault);
                    failed.push(node);
                }
            }
            // A node that has not seen the record yet takes the token a moment later.
            let pause = pauses.next();
            waiting = failed;
            match pause {
                Some(pause) if !waiting.is_empty() => tokio::time::sleep(*pause).await,
                Some(_) | None => break,
            }
        }
        match nodes - waiting.len() {
            0 => Err(ReadError::Unavailable(last_fault)),
            taken => Ok(taken),
        }
    }
}
