//! Anchors: what ties a credential to the ledger without naming it (`specs/registry.md`, "Anchors").
//!
//! A leaf is a hash over a nonce, the credential's signing input and its holder's key. The issuer collects leaves for an
//! interval, pads them with random ones to a power of two and records the root. Only who is given nonce and path can tell
//! that a credential is in a batch.

use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};

use super::merkle::{ProofError, TreeHash, verify_inclusion};
use super::record::CredentialBatch;

const TAG: &[u8] = b"tegata/anchor/v1\0";

/// A batch has at most two to this power leaves.
pub const BATCH_DEPTH_MAX: u8 = 24;

/// One credential instance, as it enters a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Random, one per instance; keeps others from recognising the credential.
    pub nonce: [u8; 32],
    /// SHA-256 of the credential's JWS signing input. Not of the whole JWS: ES256 signatures are malleable.
    pub signing_input_hash: [u8; 32],
    /// RFC 7638 SHA-256 thumbprint of the credential's `cnf` key.
    pub thumbprint: [u8; 32],
}

impl Anchor {
    /// The leaf of this instance.
    #[must_use]
    pub fn leaf(&self) -> AnchorLeaf {
        let mut hash = Sha256::new();
        hash.update(TAG);
        hash.update(self.nonce);
        hash.update(self.signing_input_hash);
        hash.update(self.thumbprint);
        AnchorLeaf(hash.finalize().into())
    }
}

/// The data of a leaf in a batch: an anchor's hash or random bytes, which nobody can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnchorLeaf([u8; 32]);

impl AnchorLeaf {
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

    /// A leaf that stands for no credential.
    #[must_use]
    pub fn decoy(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }
}

/// A batch has no leaves, or more than two to the power of [`BATCH_DEPTH_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch has 1 to 2^{BATCH_DEPTH_MAX} leaves")]
pub struct BatchSizeError;

/// The tree over the leaves of one batch, kept by the issuer until every path was handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorTree {
    /// From the leaves' hashes up to the root alone.
    levels: Vec<Vec<TreeHash>>,
}

impl AnchorTree {
    /// Builds the tree, padded with decoys to a power of two of at least `leaves_min`.
    ///
    /// # Errors
    ///
    /// Fails if there are no leaves or too many.
    pub fn build(
        mut leaves: Vec<AnchorLeaf>,
        leaves_min: u32,
        rng: &mut impl CryptoRng,
    ) -> Result<Self, BatchSizeError> {
        let wanted = leaves
            .len()
            .max(usize::try_from(leaves_min).unwrap_or(usize::MAX));
        if leaves.is_empty() || wanted > 1 << BATCH_DEPTH_MAX {
            return Err(BatchSizeError);
        }
        leaves.resize_with(wanted.next_power_of_two(), || AnchorLeaf::decoy(rng));

        let mut level: Vec<TreeHash> = leaves
            .iter()
            .map(|leaf| TreeHash::of_leaf(leaf.as_bytes()))
            .collect();
        let mut levels = Vec::new();
        while level.len() > 1 {
            let (pairs, _none) = level.as_chunks::<2>();
            let above = pairs
                .iter()
                .map(|&[left, right]| TreeHash::of_node(left, right))
                .collect();
            levels.push(std::mem::replace(&mut level, above));
        }
        levels.push(level);
        Ok(Self { levels })
    }

    /// The root, to be recorded.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let top = self.levels.last().and_then(|level| level.first());
        *top.expect("a tree has a root")
    }

    /// How many levels lie between the leaves and the root.
    #[must_use]
    pub fn depth(&self) -> u8 {
        u8::try_from(self.levels.len() - 1).expect("a batch is at most 2^24 leaves")
    }

    /// The path from a leaf to the root; none if there is no such leaf.
    #[must_use]
    pub fn path(&self, leaf: u32) -> Option<Vec<TreeHash>> {
        let below_root = self.levels.get(..usize::from(self.depth()))?;
        if u64::from(leaf) >= 1 << self.depth() {
            return None;
        }
        let mut position = usize::try_from(leaf).ok()?;
        let mut path = Vec::with_capacity(below_root.len());
        for level in below_root {
            path.push(*level.get(position ^ 1)?);
            position >>= 1;
        }
        Some(path)
    }
}

/// What shows that a credential is in a batch on the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnchorOpening {
    /// The instance's nonce.
    pub nonce: [u8; 32],
    /// SHA-256 of the credential's JWS signing input.
    pub signing_input_hash: [u8; 32],
    /// The index on the ledger of the record that holds the batch.
    pub batch: u64,
    /// Which leaf of the batch.
    pub leaf: u32,
    /// From the leaf's sibling up to the root's child.
    pub path: Vec<TreeHash>,
}

impl AnchorOpening {
    /// Checks that the credential held by the key of this thumbprint stands at its leaf of the batch.
    ///
    /// The caller has found `record` at the index that [`AnchorOpening::batch`] names.
    ///
    /// # Errors
    ///
    /// Fails unless the path leads from exactly this leaf to the recorded root.
    pub fn verify(&self, thumbprint: [u8; 32], record: &CredentialBatch) -> Result<(), ProofError> {
        let anchor = Anchor {
            nonce: self.nonce,
            signing_input_hash: self.signing_input_hash,
            thumbprint,
        };
        let leaf = TreeHash::of_leaf(anchor.leaf().as_bytes());
        let size = 1 << record.depth.min(BATCH_DEPTH_MAX);
        verify_inclusion(&self.path, self.leaf.into(), leaf, size, record.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::vectors::{hashes, hex_array, list, number, read, text};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

    fn anchor(n: u8) -> Anchor {
        Anchor {
            nonce: [n; 32],
            signing_input_hash: [n ^ 0x55; 32],
            thumbprint: [n ^ 0xaa; 32],
        }
    }

    fn opening(n: u8, leaf: u32, tree: &AnchorTree) -> AnchorOpening {
        AnchorOpening {
            nonce: anchor(n).nonce,
            signing_input_hash: anchor(n).signing_input_hash,
            batch: 0,
            leaf,
            path: tree.path(leaf).unwrap(),
        }
    }

    fn batch(tree: &AnchorTree) -> CredentialBatch {
        CredentialBatch {
            sequence: 0,
            root: tree.root(),
            depth: tree.depth(),
        }
    }

    #[test]
    fn every_anchor_of_a_padded_batch_opens() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for count in 1..=17 {
            let leaves = (0..count).map(|n| anchor(n).leaf()).collect();
            let tree = AnchorTree::build(leaves, 1, &mut rng).unwrap();
            for n in 0..count {
                let opening = opening(n, n.into(), &tree);
                assert_eq!(opening.verify(anchor(n).thumbprint, &batch(&tree)), Ok(()));
            }
            assert_eq!(tree.path(1 << tree.depth()), None);
        }
    }

    #[test]
    fn anchors_are_those_of_the_vectors() {
        let vectors = read("anchors");
        let record = CredentialBatch {
            sequence: 0,
            root: TreeHash::from_base64(text(&vectors, "root")).unwrap(),
            depth: u8::try_from(number(&vectors, "depth")).unwrap(),
        };
        for vector in list(&vectors, "anchors") {
            let anchor = Anchor {
                nonce: hex_array(text(vector, "nonce")),
                signing_input_hash: hex_array(text(vector, "signing_input_hash")),
                thumbprint: hex_array(text(vector, "thumbprint")),
            };
            assert_eq!(
                anchor.leaf().as_bytes(),
                &hex_array(text(vector, "leaf_data"))
            );
            let opening = AnchorOpening {
                nonce: anchor.nonce,
                signing_input_hash: anchor.signing_input_hash,
                batch: 0,
                leaf: u32::try_from(number(vector, "leaf")).unwrap(),
                path: hashes(&vector["path"]),
            };
            assert_eq!(opening.verify(anchor.thumbprint, &record), Ok(()));
        }
    }

    #[test]
    fn a_batch_is_padded_to_the_wished_size() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let tree = AnchorTree::build(vec![anchor(1).leaf()], 100, &mut rng).unwrap();
        assert_eq!(tree.depth(), 7);
    }

    #[test]
    fn an_empty_batch_is_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        assert_eq!(
            AnchorTree::build(Vec::new(), 8, &mut rng),
            Err(BatchSizeError)
        );
    }

    #[test]
    fn an_opening_with_another_key_leaf_nonce_or_path_is_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let leaves = (0..8).map(|n| anchor(n).leaf()).collect();
        let tree = AnchorTree::build(leaves, 8, &mut rng).unwrap();
        let record = batch(&tree);
        let good = opening(3, 3, &tree);
        let key = anchor(3).thumbprint;
        assert_eq!(good.verify(key, &record), Ok(()));

        assert!(good.verify(anchor(4).thumbprint, &record).is_err());
        let moved = AnchorOpening {
            leaf: 2,
            ..good.clone()
        };
        assert!(moved.verify(key, &record).is_err());
        let outside = AnchorOpening {
            leaf: 11,
            ..good.clone()
        };
        assert_eq!(outside.verify(key, &record), Err(ProofError::OutsideTree));
        let renamed = AnchorOpening {
            nonce: [9; 32],
            ..good.clone()
        };
        assert!(renamed.verify(key, &record).is_err());
        let mut shorter = good.clone();
        shorter.path.pop();
        assert!(shorter.verify(key, &record).is_err());
        let mut longer = good;
        longer.path.push(TreeHash::EMPTY);
        assert!(longer.verify(key, &record).is_err());
    }
}
