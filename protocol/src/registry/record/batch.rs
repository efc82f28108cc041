//! Many records at once, at about half the cost: Ed25519 signatures are checked together. ZIP-215 is the rule under which that
//! accepts exactly what checking one by one accepts.

use ed25519_zebra::batch::Verifier;
use rand_core::CryptoRng;

use super::{Author, Record, RecordError, SIGNATURE_TAG, UnverifiedRecord, tagged};
use crate::registry::NetworkId;

/// Which of the records is refused, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {position} is refused")]
pub struct BatchError {
    /// The record's place among those given.
    pub position: usize,
    /// Why.
    #[source]
    pub error: RecordError,
}

impl UnverifiedRecord {
    /// As [`UnverifiedRecord::verify`] of each of them.
    ///
    /// # Errors
    ///
    /// Fails with the first that is refused.
    pub fn verify_all(
        records: Vec<Self>,
        network: &NetworkId,
        rng: &mut impl CryptoRng,
    ) -> Result<Vec<Record>, BatchError> {
        let one_by_one = |records: Vec<Self>| {
            let verified = records.into_iter().enumerate().map(|(position, record)| {
                let refused = |error| BatchError { position, error };
                record.verify(network).map_err(refused)
            });
            verified.collect()
        };
        let mut together = Verifier::new();
        let mut verified = Vec::with_capacity(records.len());
        for record in &records {
            let Author::Ed25519(key) = &record.statement.author else {
                match record.clone().verify(network) {
                    Ok(record) => verified.push(record),
                    Err(_refused) => return one_by_one(records),
                }
                continue;
            };
            if record.statement.network != *network {
                return one_by_one(records);
            }
            let encoding = record.statement.encode();
            let message = tagged(SIGNATURE_TAG, &encoding);
            together.queue(((*key).into(), record.signature.into(), &message));
            let (statement, bytes) = (record.statement.clone(), record.bytes.clone());
            verified.push(Record::of(statement, &encoding, bytes));
        }
        match together.verify(rng) {
            Ok(()) => Ok(verified),
            Err(_somewhere) => one_by_one(records),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::vectors;
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    fn rng() -> ChaCha20Rng {
        ChaCha20Rng::from_seed([1; 32])
    }

    fn all() -> (NetworkId, Vec<Vec<u8>>) {
        let (network, records) = vectors::records();
        (
            network,
            records
                .iter()
                .map(|record| record.as_bytes().to_vec())
                .collect(),
        )
    }

    fn verify_all(records: &[Vec<u8>], network: &NetworkId) -> Result<Vec<Record>, BatchError> {
        let records = records
            .iter()
            .map(|bytes| UnverifiedRecord::decode(bytes).unwrap());
        UnverifiedRecord::verify_all(records.collect(), network, &mut rng())
    }

    #[test]
    fn records_verified_together_are_those_verified_one_by_one() {
        let (network, bytes) = all();
        let (_, records) = vectors::records();
        assert_eq!(verify_all(&bytes, &network).unwrap(), records);
    }

    #[test]
    fn neg_l01_one_wrong_signature_among_many_is_found() {
        let (network, bytes) = all();
        for position in 0..bytes.len() {
            let mut forged = bytes.clone();
            *forged[position].last_mut().unwrap() ^= 1;
            let refused = BatchError {
                position,
                error: RecordError::Signature,
            };
            assert_eq!(verify_all(&forged, &network), Err(refused));
        }
        let elsewhere = NetworkId::from_bytes([9; 32]);
        let refused = BatchError {
            position: 0,
            error: RecordError::WrongNetwork,
        };
        assert_eq!(verify_all(&bytes, &elsewhere), Err(refused));
    }

    #[test]
    fn a_signature_that_only_zip_215_accepts_is_accepted_together_and_alone() {
        // The identity as key, the identity as R, and s = 0: every message is signed, by a key of small order.
        let (network, mut records) = all();
        let bytes = records.iter().find(|bytes| {
            let decoded = UnverifiedRecord::decode(bytes).unwrap();
            matches!(decoded.statement.author, Author::Ed25519(_))
        });
        let mut small = UnverifiedRecord::decode(bytes.unwrap()).unwrap();
        let mut identity = [0; 32];
        identity[0] = 1;
        small.statement.author = Author::Ed25519(identity);
        small.signature = [0; 64];
        small.signature[0] = 1;
        let encoded = small.statement.encode_signed(&small.signature);
        let alone = UnverifiedRecord::decode(&encoded).unwrap().verify(&network);
        assert!(alone.is_ok());
        records.push(encoded);
        assert_eq!(verify_all(&records, &network).unwrap().len(), records.len());
    }
}
