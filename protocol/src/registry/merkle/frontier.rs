//! The right edge of a growing tree: enough to append and to know the root.

use super::{TreeError, TreeHash};

/// A tree of which only the complete subtrees on its right edge are kept, at most one per power of two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Complete subtrees from left to right, the largest first.
    subtrees: Vec<TreeHash>,
}

impl Frontier {
    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree of the first `size` leaves of a store.
    ///
    /// # Errors
    ///
    /// Fails if the store lacks a hash of the tree.
    pub fn read(size: u64, read: impl Fn(u64) -> Option<TreeHash>) -> Result<Self, TreeError> {
        let levels = (0..64_u8).rev().filter(|level| (size >> level) & 1 == 1);
        let subtree = |level: u8| {
            let last = (size >> level) - 1;
            read(tlog_tiles::stored_hash_index(level, last)).ok_or(TreeError::Incomplete)
        };
        let subtrees = levels.map(subtree).collect::<Result<_, _>>()?;
        Ok(Self { size, subtrees })
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: TreeHash) {
        self.append(leaf, |_stored| {});
    }

    /// Appends a leaf and tells what a store keeps of it, in the order of its indexes: the leaf, then the subtrees that it
    /// completes.
    pub fn append(&mut self, leaf: TreeHash, mut store: impl FnMut(TreeHash)) {
        store(leaf);
        let mut hash = leaf;
        for _completed in 0..self.size.trailing_ones() {
            let left = self
                .subtrees
                .pop()
                .expect("each one-bit of the size has its subtree");
            hash = TreeHash::of_node(left, hash);
            store(hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut from_right = self.subtrees.iter().rev();
        let Some(&last) = from_right.next() else {
            return TreeHash::EMPTY;
        };
        from_right.fold(last, |right, &left| TreeHash::of_node(left, right))
    }
}
