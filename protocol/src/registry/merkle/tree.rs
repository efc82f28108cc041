//! A whole tree in a store of hashes: append, root, proofs, tiles.

use super::{ProofError, TreeHash, inward, outward};
use tlog_tiles::{HashReader, Tile};

/// The height of a C2SP tile: 256 hashes wide.
const TILE_HEIGHT: u8 = 8;

/// Reads stored hashes through a closure, so that a store needs to know nothing of the crate beneath.
struct Stored<F>(F);

impl<F: Fn(u64) -> Option<TreeHash>> HashReader for Stored<F> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        indexes
            .iter()
            .map(|&index| {
                (self.0)(index)
                    .map(outward)
                    .ok_or(tlog_tiles::Error::IndexesNotInTree)
            })
            .collect()
    }
}

/// Why the store could not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A hash that the tree must have is not in the store.
    #[error("the store lacks a hash of the tree")]
    Incomplete,
    /// What was asked for lies outside the tree.
    #[error("outside the tree")]
    Outside(#[from] ProofError),
}

/// How many hashes a store of a tree of `size` leaves has.
#[must_use]
pub fn stored_hashes(size: u64) -> u64 {
    2 * size - u64::from(size.count_ones())
}

/// The hashes to store when a leaf is appended to a tree of `size` leaves, each with its index in the store.
///
/// # Errors
///
/// Fails if the store lacks a hash of the tree.
pub fn append(
    size: u64,
    leaf: TreeHash,
    read: impl Fn(u64) -> Option<TreeHash>,
) -> Result<Vec<(u64, TreeHash)>, TreeError> {
    let first = tlog_tiles::stored_hash_index(0, size);
    let hashes = tlog_tiles::stored_hashes_for_record_hash(size, outward(leaf), &Stored(read))
        .map_err(|_cause| TreeError::Incomplete)?;
    Ok((first..).zip(hashes.into_iter().map(inward)).collect())
}

/// The root of the tree of the first `size` leaves.
///
/// # Errors
///
/// Fails if the store lacks a hash of the tree.
pub fn root(size: u64, read: impl Fn(u64) -> Option<TreeHash>) -> Result<TreeHash, TreeError> {
    tlog_tiles::tree_hash(size, &Stored(read))
        .map(inward)
        .map_err(|_cause| TreeError::Incomplete)
}

/// The path from a leaf to the root of the tree of the first `size` leaves.
///
/// # Errors
///
/// Fails if the leaf lies outside that tree or the store lacks a hash.
pub fn prove_inclusion(
    index: u64,
    size: u64,
    read: impl Fn(u64) -> Option<TreeHash>,
) -> Result<Vec<TreeHash>, TreeError> {
    if index >= size {
        return Err(ProofError::OutsideTree.into());
    }
    let path = tlog_tiles::prove_record(size, index, &Stored(read))
        .map_err(|_cause| TreeError::Incomplete)?;
    Ok(path.into_iter().map(inward).collect())
}

/// What shows that the tree of `old_size` leaves is a prefix of that of `new_size`; empty from the empty tree.
///
/// # Errors
///
/// Fails if `old_size` is the larger one or the store lacks a hash.
pub fn prove_consistency(
    old_size: u64,
    new_size: u64,
    read: impl Fn(u64) -> Option<TreeHash>,
) -> Result<Vec<TreeHash>, TreeError> {
    if old_size > new_size {
        return Err(ProofError::NotOlder.into());
    }
    if old_size == 0 {
        return Ok(Vec::new());
    }
    let proof = tlog_tiles::prove_tree(new_size, old_size, &Stored(read))
        .map_err(|_cause| TreeError::Incomplete)?;
    Ok(proof.into_iter().map(inward).collect())
}

/// A tile of hashes of the tree of `size` leaves (C2SP tlog-tiles, "Merkle Tree"): `width` hashes, the first of them at
/// `number * 256` on tree level `level * 8`.
///
/// # Errors
///
/// Fails if the tile is empty, wider than 256, or reaches beyond that tree, or the store lacks a hash.
pub fn tile(
    level: u8,
    number: u64,
    width: u32,
    size: u64,
    read: impl Fn(u64) -> Option<TreeHash>,
) -> Result<Vec<u8>, TreeError> {
    let within = number
        .checked_mul(1 << TILE_HEIGHT)
        .and_then(|first| first.checked_add(u64::from(width)))
        .is_some_and(|end| end <= complete_subtrees(size, level));
    if width == 0 || width > 1 << TILE_HEIGHT || !within {
        return Err(ProofError::OutsideTree.into());
    }
    Tile::new(TILE_HEIGHT, level, number, width, false)
        .read_data(&Stored(read))
        .map_err(|_cause| TreeError::Incomplete)
}

/// How many complete subtrees of `256^level` leaves the tree of `size` leaves has.
fn complete_subtrees(size: u64, level: u8) -> u64 {
    let bits = u32::from(level) * u32::from(TILE_HEIGHT);
    size.checked_shr(bits).unwrap_or(0)
}
