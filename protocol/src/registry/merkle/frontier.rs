//! The right edge of a growing tree: enough to append and to know the root.

use super::TreeHash;

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

    /// Appends a leaf.
    pub fn push(&mut self, leaf: TreeHash) {
        let mut hash = leaf;
        for _completed in 0..self.size.trailing_ones() {
            let left = self
                .subtrees
                .pop()
                .expect("each one-bit of the size has its subtree");
            hash = TreeHash::of_node(left, hash);
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
