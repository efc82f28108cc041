//! Records: the signed statements that the ledger is made of (`specs/registry.md`, "Records").
//!
//! A record is deterministic CBOR (RFC 8949, section 4.2.1): every statement has exactly one encoding, and whatever is
//! encoded otherwise is refused.

mod author;
mod batch;
mod body;
mod group;

#[cfg(test)]
mod tests;

pub use author::Author;
pub use batch::BatchError;
pub use body::{
    Approval, Body, CaseEvent, CredentialBatch, Designation, Erasure, Outcome, Proposal,
    StatusListVersion,
};
pub use group::{CaseEventGroup, GROUP_EVENTS_MAX, GroupSizeError};

use minicbor::{Decoder, Encoder};
use sha2::{Digest as _, Sha256};

use super::merkle::TreeHash;
use super::{NetworkId, RecordId};
use crate::identity::SigningKey;
use crate::planted::{Bug, planted};

/// No record is longer. Only proposals, which carry a change of the parties, may be longer than
/// [`ORDINARY_RECORD_BYTES_MAX`].
pub const RECORD_BYTES_MAX: usize = 16 * 1024;
/// No record of a kind other than a proposal is longer.
pub const ORDINARY_RECORD_BYTES_MAX: usize = 4096;

const VERSION: u8 = 1;
const SIGNATURE_TAG: &[u8] = b"tegata/record/v1\0";
const ID_TAG: &[u8] = b"tegata/record-id/v1\0";

/// Why bytes are not a record of this network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Longer than a record of its kind may be.
    #[error("the record is too long")]
    TooLong,
    /// Not the structure of any kind of record.
    #[error("the record is malformed")]
    Malformed,
    /// A statement has one encoding; this is another one.
    #[error("the record is not encoded deterministically")]
    NotCanonical,
    /// Made for another network.
    #[error("the record belongs to another network")]
    WrongNetwork,
    /// Not signed by its author.
    #[error("the record's signature does not verify")]
    Signature,
}

impl From<minicbor::decode::Error> for RecordError {
    fn from(_cause: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// A record as it came: well-formed, but signed by nobody knows whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedRecord {
    statement: Statement,
    signature: [u8; 64],
    bytes: Vec<u8>,
}

/// What is signed and what gives a record its id.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Statement {
    network: NetworkId,
    body: Body,
    author: Author,
}

/// A record of this network that its author signed. Whether the ledger accepts it is for the state to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    statement: Statement,
    id: RecordId,
    leaf: TreeHash,
    bytes: Vec<u8>,
}

impl UnverifiedRecord {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// Fails unless the bytes are the one encoding of a record.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(RecordError::TooLong);
        }
        let mut from = Decoder::new(bytes);
        array(&mut from, 6)?;
        let statement = Statement::decode(&mut from)?;
        let is_proposal = matches!(statement.body, Body::Proposal(_));
        if bytes.len() > ORDINARY_RECORD_BYTES_MAX && !is_proposal {
            return Err(RecordError::TooLong);
        }
        let signature = self::bytes(&mut from)?;
        if statement.encode_signed(&signature) != bytes {
            return Err(RecordError::NotCanonical);
        }
        Ok(Self {
            statement,
            signature,
            bytes: bytes.to_vec(),
        })
    }

    /// Checks the network and the author's signature.
    ///
    /// # Errors
    ///
    /// Fails if either is wrong.
    pub fn verify(self, network: &NetworkId) -> Result<Record, RecordError> {
        if self.statement.network != *network {
            return Err(RecordError::WrongNetwork);
        }
        let encoding = self.statement.encode();
        let message = tagged(SIGNATURE_TAG, &encoding);
        if !planted(Bug::UnsignedRecord) {
            self.statement.author.verify(&message, &self.signature)?;
        }
        Ok(Record::of(self.statement, &encoding, self.bytes))
    }

    /// The record, whoever signed it: for one whose signature was checked before it was stored, or for which a quorum of
    /// the members vouches.
    ///
    /// # Errors
    ///
    /// Fails if it is of another network.
    pub fn dangerous_without_signature(self, network: &NetworkId) -> Result<Record, RecordError> {
        if self.statement.network != *network {
            return Err(RecordError::WrongNetwork);
        }
        let encoding = self.statement.encode();
        Ok(Record::of(self.statement, &encoding, self.bytes))
    }
}

impl Record {
    /// Signs a statement.
    #[must_use]
    pub fn sign(network: NetworkId, body: Body, key: &SigningKey) -> Self {
        let statement = Statement {
            network,
            body,
            author: Author::of(key.public_key()),
        };
        let encoding = statement.encode();
        let signature = key.sign(&tagged(SIGNATURE_TAG, &encoding));
        let bytes = statement.encode_signed(&signature);
        Self::of(statement, &encoding, bytes)
    }

    fn of(statement: Statement, encoding: &[u8], bytes: Vec<u8>) -> Self {
        Self {
            id: record_id(encoding),
            leaf: TreeHash::of_leaf(&bytes),
            statement,
            bytes,
        }
    }

    /// The record as it stands on the ledger.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its id: submitting the same statement again is harmless.
    #[must_use]
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// What it says.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.statement.body
    }

    /// Who says so.
    #[must_use]
    pub const fn author(&self) -> &Author {
        &self.statement.author
    }

    /// Its leaf in the ledger's tree.
    #[must_use]
    pub const fn leaf_hash(&self) -> TreeHash {
        self.leaf
    }
}

impl Statement {
    /// The encoding that is signed: the record without its signature, and of a group of events the root alone.
    fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::new(Vec::new());
        to.array(5).expect(VEC_GROWS);
        self.encode_head(&mut to).expect(VEC_GROWS);
        self.body.encode_signed(&mut to).expect(VEC_GROWS);
        self.author.encode(&mut to).expect(VEC_GROWS);
        to.into_writer()
    }

    fn encode_signed(&self, signature: &[u8; 64]) -> Vec<u8> {
        let mut to = Encoder::new(Vec::new());
        to.array(6).expect(VEC_GROWS);
        self.encode_head(&mut to).expect(VEC_GROWS);
        self.body.encode(&mut to).expect(VEC_GROWS);
        self.author.encode(&mut to).expect(VEC_GROWS);
        to.bytes(signature).expect(VEC_GROWS);
        to.into_writer()
    }

    fn encode_head<W: minicbor::encode::Write>(
        &self,
        to: &mut Encoder<W>,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        to.u8(VERSION)?.bytes(self.network.as_bytes())?;
        to.u8(self.body.kind())?.ok()
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, RecordError> {
        if from.u8()? != VERSION {
            return Err(RecordError::Malformed);
        }
        let network = NetworkId::from_bytes(bytes(from)?);
        let kind = from.u8()?;
        Ok(Self {
            network,
            body: Body::decode(kind, from)?,
            author: Author::decode(from)?,
        })
    }
}

const VEC_GROWS: &str = "writing to a vector cannot fail";

fn record_id(encoding: &[u8]) -> RecordId {
    RecordId::from_bytes(Sha256::digest(tagged(ID_TAG, encoding)).into())
}

fn tagged(tag: &[u8], encoding: &[u8]) -> Vec<u8> {
    [tag, encoding].concat()
}

/// Reads the head of an array of exactly this length.
fn array(from: &mut Decoder<'_>, length: u64) -> Result<(), RecordError> {
    match from.array()? {
        Some(found) if found == length => Ok(()),
        Some(_) | None => Err(RecordError::Malformed),
    }
}

/// Reads a byte string of exactly this length.
fn bytes<const N: usize>(from: &mut Decoder<'_>) -> Result<[u8; N], RecordError> {
    from.bytes()?
        .try_into()
        .map_err(|_length| RecordError::Malformed)
}
