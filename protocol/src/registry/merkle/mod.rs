//! The Merkle tree of RFC 6962: roots, inclusion proofs, consistency proofs, tiles.
//!
//! The arithmetic is that of the `tlog_tiles` crate; its types end here. Stored hashes are addressed by one dense index
//! (a leaf, then the subtrees it completes), so a store is a growing array of hashes and a proof is a few reads of it.

mod frontier;
mod tree;

#[cfg(test)]
mod tests;

pub use frontier::Frontier;
pub use tree::{TreeError, append, prove_consistency, prove_inclusion, root, stored_hashes, tile};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};
use std::fmt;

use crate::planted::{Bug, planted};

/// No tree of a 64-bit size needs a longer proof.
pub const PROOF_HASHES_MAX: usize = 64;

/// A hash in a Merkle tree: of a leaf, of an inner node, or the root.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash([u8; 32]);

impl TreeHash {
    /// The root of the tree without leaves.
    pub const EMPTY: Self = Self(tlog_tiles::EMPTY_HASH.0);

    /// From its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of a leaf: SHA-256 over 0x00 and the leaf, so that no inner node can pass for a leaf.
    #[must_use]
    pub fn of_leaf(data: &[u8]) -> Self {
        let mut hash = Sha256::new();
        if !planted(Bug::LeafWithoutPrefix) {
            hash.update([0x00]);
        }
        hash.update(data);
        Self(hash.finalize().into())
    }

    /// The hash of an inner node: SHA-256 over 0x01 and its two children.
    #[must_use]
    pub fn of_node(left: Self, right: Self) -> Self {
        let mut hash = Sha256::new();
        hash.update([0x01]);
        hash.update(left.0);
        hash.update(right.0);
        Self(hash.finalize().into())
    }

    /// Reads standard base64; every hash has one spelling.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TreeHash({self})")
    }
}

/// Why a proof does not prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf's index is not below the tree's size.
    #[error("the leaf lies outside the tree")]
    OutsideTree,
    /// The older tree is empty or larger than the newer one.
    #[error("the older tree is not a part of the newer one")]
    NotOlder,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the root")]
    Mismatch,
}

/// Checks that a leaf stands at `index` in the tree of `size` leaves with this root (RFC 6962, section 2.1.1).
///
/// # Errors
///
/// Fails unless the path proves exactly that.
pub fn verify_inclusion(
    path: &[TreeHash],
    index: u64,
    leaf: TreeHash,
    size: u64,
    root: TreeHash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutsideTree);
    }
    if path.len() > PROOF_HASHES_MAX {
        return Err(ProofError::Mismatch);
    }
    let path = path.iter().copied().map(outward).collect();
    tlog_tiles::check_record(&path, size, outward(root), index, outward(leaf))
        .map_err(|_cause| ProofError::Mismatch)
}

/// Checks that the tree of `old_size` leaves is a prefix of the tree of `new_size` leaves (RFC 6962, section 2.1.2).
///
/// # Errors
///
/// Fails unless the proof shows exactly that. Every tree extends the empty one: that needs no proof, so none is accepted.
pub fn verify_consistency(
    proof: &[TreeHash],
    old_size: u64,
    old_root: TreeHash,
    new_size: u64,
    new_root: TreeHash,
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::NotOlder);
    }
    if old_size == 0 {
        let holds = proof.is_empty()
            && old_root == TreeHash::EMPTY
            && (new_size > 0 || new_root == TreeHash::EMPTY);
        return if holds {
            Ok(())
        } else {
            Err(ProofError::Mismatch)
        };
    }
    if proof.len() > PROOF_HASHES_MAX {
        return Err(ProofError::Mismatch);
    }
    let proof = proof.iter().copied().map(outward).collect();
    tlog_tiles::check_tree(
        &proof,
        new_size,
        outward(new_root),
        old_size,
        outward(old_root),
    )
    .map_err(|_cause| ProofError::Mismatch)
}

fn outward(hash: TreeHash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(hash.0)
}

fn inward(hash: tlog_tiles::Hash) -> TreeHash {
    TreeHash(hash.0)
}
