//! The ledger: records, the Merkle log that holds them, and what shows that a record stands in it.
//!
//! A reader needs the genesis file, SHA-256 and Ed25519. [`Genesis`] names the members; a [`checkpoint`] that a quorum of
//! them signed says what the ledger is; a [`receipt`] shows that a record stands on it. Who is to be trusted now stands in
//! the [`TrustedParties`] document, whose digest is part of every checkpoint.
//!
//! Formats are those of C2SP (signed notes, checkpoints, cosignatures, proofs); `specs/registry.md` says the rest.

pub mod anchor;
pub mod checkpoint;
mod commitment;
mod genesis;
pub mod governance;
mod id;
pub mod merkle;
pub mod note;
pub mod receipt;
pub mod record;

#[cfg(test)]
mod vectors;

pub use commitment::{
    ApplicationResult, CaseEventContent, CheckResult, Commitment, DesignationContent,
    ErasureContent, OutcomeContent, Salt,
};
pub use genesis::{
    CertificateDer, Committee, Epochs, EpochsError, Genesis, GenesisError, Issuer, KeyBytes,
    KeySet, Member, MemberRole, OPENED, Parties, ProcessDefinition, Purpose,
    SCHEDULED_COMMITTEES_MAX, STATUS_LISTS_PER_ISSUER_MAX, ServiceUrl, ServiceUrlError, Standing,
    StatusListEntry, Step, TrustedParties, TrustedPartiesError, Verifier,
};
pub use id::{
    ApplicationId, BlocksDigest, CaseId, ContentDigest, IdError, ListId, NetworkId, RecordId,
};
