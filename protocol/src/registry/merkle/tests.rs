use super::*;
use crate::registry::vectors::{base64, hashes, list, read, text};
use proptest::prelude::*;

/// The leaves' hashes and the stored hashes of the tree over them.
fn stored(leaves: &[TreeHash]) -> Vec<TreeHash> {
    let mut store: Vec<TreeHash> = Vec::new();
    for (size, &leaf) in (0..).zip(leaves) {
        for (index, hash) in append(size, leaf, reader(&store)).unwrap() {
            assert_eq!(usize::try_from(index), Ok(store.len()));
            store.push(hash);
        }
    }
    store
}

fn reader(store: &[TreeHash]) -> impl Fn(u64) -> Option<TreeHash> {
    |index| store.get(usize::try_from(index).ok()?).copied()
}

fn vector_leaves() -> Vec<TreeHash> {
    let vectors = read("merkle");
    let leaves = list(&vectors, "leaves").iter();
    leaves
        .map(|leaf| TreeHash::of_leaf(&base64(leaf.as_str().unwrap())))
        .collect()
}

#[test]
fn roots_and_proofs_are_those_of_the_vectors() {
    let leaves = vector_leaves();
    let store = stored(&leaves);
    let vectors = read("merkle");
    let roots: Vec<TreeHash> = list(&vectors, "trees")
        .iter()
        .map(|tree| TreeHash::from_base64(text(tree, "root")).unwrap())
        .collect();
    for (size, tree) in (0_u64..).zip(list(&vectors, "trees")) {
        let at = usize::try_from(size).unwrap();
        assert_eq!(root(size, reader(&store)), Ok(roots[at]));
        for (index, path) in (0..).zip(list(tree, "inclusion")) {
            let path = hashes(path);
            assert_eq!(
                prove_inclusion(index, size, reader(&store)),
                Ok(path.clone())
            );
            let leaf = leaves[usize::try_from(index).unwrap()];
            assert_eq!(
                verify_inclusion(&path, index, leaf, size, roots[at]),
                Ok(())
            );
        }
        for (old, proof) in (1..).zip(list(tree, "consistency_from")) {
            let proof = hashes(proof);
            assert_eq!(
                prove_consistency(old, size, reader(&store)),
                Ok(proof.clone())
            );
            let old_root = roots[usize::try_from(old).unwrap()];
            let verified = verify_consistency(&proof, old, old_root, size, roots[at]);
            assert_eq!(verified, Ok(()));
        }
    }
}

#[test]
fn the_frontier_has_the_root_of_the_whole_tree() {
    let leaves = vector_leaves();
    let store = stored(&leaves);
    let mut frontier = Frontier::default();
    assert_eq!(frontier.root(), TreeHash::EMPTY);
    for &leaf in &leaves {
        frontier.push(leaf);
        assert_eq!(root(frontier.size(), reader(&store)), Ok(frontier.root()));
    }
}

#[test]
fn neg_l06_a_proof_for_another_leaf_index_size_or_root_is_refused() {
    let leaves = vector_leaves();
    let store = stored(&leaves);
    for size in 1..=20 {
        let root_hash = root(size, reader(&store)).unwrap();
        for index in 0..size {
            let path = prove_inclusion(index, size, reader(&store)).unwrap();
            let leaf = leaves[usize::try_from(index).unwrap()];
            assert_eq!(
                verify_inclusion(&path, index, leaf, size, root_hash),
                Ok(())
            );

            let other = TreeHash::of_leaf(b"another");
            assert!(verify_inclusion(&path, index, other, size, root_hash).is_err());
            for elsewhere in (0..size + 2).filter(|&elsewhere| elsewhere != index) {
                assert!(verify_inclusion(&path, elsewhere, leaf, size, root_hash).is_err());
            }
            if size > 1 {
                let older = root(size - 1, reader(&store)).unwrap();
                assert!(verify_inclusion(&path, index, leaf, size, older).is_err());
                assert!(verify_inclusion(&path, index, leaf, size - 1, older).is_err());
            }
            assert!(verify_inclusion(&path, index, leaf, 0, root_hash).is_err());
        }
    }
}

#[test]
fn neg_l06_a_truncated_extended_or_altered_proof_is_refused() {
    let leaves = vector_leaves();
    let store = stored(&leaves);
    let size = 20;
    let root_hash = root(size, reader(&store)).unwrap();
    for (index, &leaf) in (0..).zip(&leaves) {
        let path = prove_inclusion(index, size, reader(&store)).unwrap();
        let shorter = &path[..path.len() - 1];
        assert!(verify_inclusion(shorter, index, leaf, size, root_hash).is_err());
        let longer = [path.as_slice(), &[root_hash]].concat();
        assert!(verify_inclusion(&longer, index, leaf, size, root_hash).is_err());
        let endless = vec![root_hash; 100_000];
        assert!(verify_inclusion(&endless, index, leaf, size, root_hash).is_err());
        for at in 0..path.len() {
            let mut altered = path.clone();
            altered[at] = TreeHash::of_leaf(b"another");
            assert!(verify_inclusion(&altered, index, leaf, size, root_hash).is_err());
        }
    }
}

#[test]
fn neg_l06_an_inner_node_does_not_pass_for_a_leaf() {
    let leaves = vector_leaves();
    let store = stored(&leaves[..4]);
    let root_hash = root(4, reader(&store)).unwrap();
    let (left, right) = (
        TreeHash::of_node(leaves[0], leaves[1]),
        TreeHash::of_node(leaves[2], leaves[3]),
    );
    assert_eq!(TreeHash::of_node(left, right), root_hash);

    // The tree of two leaves whose data are the children of an inner node would have the same hash without prefixes.
    let data = [leaves[0].as_bytes().as_slice(), leaves[1].as_bytes()].concat();
    let posing = TreeHash::of_leaf(&data);
    assert!(verify_inclusion(&[right], 0, posing, 2, root_hash).is_err());
    assert!(verify_inclusion(&[right], 0, posing, 4, root_hash).is_err());
}

#[test]
fn neg_l07_a_fork_a_smaller_size_and_another_root_of_the_same_size_are_refused() {
    let leaves = vector_leaves();
    let store = stored(&leaves);
    let mut forked = leaves.clone();
    forked[3] = TreeHash::of_leaf(b"fork");
    let fork = stored(&forked);
    for old in 4..20 {
        let (old_root, new_root) = (
            root(old, reader(&store)).unwrap(),
            root(20, reader(&store)).unwrap(),
        );
        let proof = prove_consistency(old, 20, reader(&store)).unwrap();
        assert_eq!(
            verify_consistency(&proof, old, old_root, 20, new_root),
            Ok(())
        );

        let fork_root = root(20, reader(&fork)).unwrap();
        let fork_proof = prove_consistency(old, 20, reader(&fork)).unwrap();
        assert!(verify_consistency(&fork_proof, old, old_root, 20, fork_root).is_err());
        assert!(verify_consistency(&proof, old, old_root, 20, fork_root).is_err());
        let backwards = verify_consistency(&proof, 20, new_root, old, old_root);
        assert_eq!(backwards, Err(ProofError::NotOlder));
        assert!(verify_consistency(&[], old, old_root, old, new_root).is_err());
        assert_eq!(
            verify_consistency(&[], old, old_root, old, old_root),
            Ok(())
        );
    }
}

#[test]
fn every_tree_extends_the_empty_one_without_a_proof() {
    let root_hash = TreeHash::of_leaf(b"only");
    let empty = TreeHash::EMPTY;
    assert_eq!(verify_consistency(&[], 0, empty, 1, root_hash), Ok(()));
    assert_eq!(verify_consistency(&[], 0, empty, 0, empty), Ok(()));
    assert!(verify_consistency(&[root_hash], 0, empty, 1, root_hash).is_err());
    assert!(verify_consistency(&[], 0, root_hash, 1, root_hash).is_err());
    assert!(verify_consistency(&[], 0, empty, 0, root_hash).is_err());
}

#[test]
fn tiles_hold_the_hashes_of_complete_subtrees() {
    let leaves: Vec<TreeHash> = (0_u32..300)
        .map(|n| TreeHash::of_leaf(&n.to_be_bytes()))
        .collect();
    let store = stored(&leaves);
    let bytes = |hashes: &[TreeHash]| -> Vec<u8> {
        hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
    };
    assert_eq!(
        tile(0, 0, 256, 300, reader(&store)),
        Ok(bytes(&leaves[..256]))
    );
    assert_eq!(
        tile(0, 1, 44, 300, reader(&store)),
        Ok(bytes(&leaves[256..]))
    );
    let subtree = root(256, reader(&store)).unwrap();
    assert_eq!(tile(1, 0, 1, 300, reader(&store)), Ok(bytes(&[subtree])));
}

#[test]
fn neg_l10_a_tile_outside_the_tree_is_refused() {
    let store = stored(&vector_leaves());
    for (level, number, width) in [
        (0, 0, 0),
        (0, 0, 21),
        (0, 0, 257),
        (0, 1, 1),
        (1, 0, 1),
        (8, 0, 1),
        (63, 0, 1),
        (255, 0, 256),
        (0, u64::MAX, 256),
        (0, u64::MAX / 256, 256),
    ] {
        let tile = tile(level, number, width, 20, reader(&store));
        assert_eq!(
            tile,
            Err(ProofError::OutsideTree.into()),
            "{level} {number} {width}"
        );
    }
    assert!(tile(0, 0, 20, 20, reader(&store)).is_ok());
}

#[test]
fn the_frontier_stores_the_same_hashes_and_is_read_from_them() {
    let leaves: Vec<TreeHash> = (0..300_u64)
        .map(|n| TreeHash::of_leaf(&n.to_be_bytes()))
        .collect();
    let store = stored(&leaves);
    let (mut frontier, mut kept) = (Frontier::default(), Vec::new());
    for leaf in leaves {
        let read = Frontier::read(frontier.size(), reader(&store)).unwrap();
        assert_eq!(read, frontier);
        assert_eq!(stored_hashes(frontier.size()), kept.len() as u64);
        frontier.append(leaf, |hash| kept.push(hash));
    }
    for (index, hash) in (0..).zip(&kept) {
        assert_eq!(reader(&store)(index), Some(*hash));
    }
    assert_eq!(Frontier::read(300, |_| None), Err(TreeError::Incomplete));
}

proptest! {
    #[test]
    fn proofs_of_any_tree_verify_and_fit_no_other_place(
        size in 1_u64..400, at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
    ) {
        let leaves: Vec<TreeHash> = (0..size).map(|n| TreeHash::of_leaf(&n.to_be_bytes())).collect();
        let store = stored(&leaves);
        let index = at.index(leaves.len());
        let root_hash = root(size, reader(&store)).unwrap();
        let path = prove_inclusion(index as u64, size, reader(&store)).unwrap();
        prop_assert_eq!(verify_inclusion(&path, index as u64, leaves[index], size, root_hash), Ok(()));
        let other = other.index(leaves.len());
        let moved = verify_inclusion(&path, other as u64, leaves[index], size, root_hash);
        prop_assert_eq!(moved.is_ok(), other == index);

        let old = other as u64 + 1;
        let proof = prove_consistency(old, size, reader(&store)).unwrap();
        let old_root = root(old, reader(&store)).unwrap();
        prop_assert_eq!(verify_consistency(&proof, old, old_root, size, root_hash), Ok(()));
        let lied = verify_consistency(&proof, old, TreeHash::of_leaf(b"lie"), size, root_hash);
        prop_assert!(lied.is_err());
    }

    #[test]
    fn no_proof_makes_the_checks_panic(
        path in prop::collection::vec(any::<[u8; 32]>(), 0..70), a in any::<u64>(), b in any::<u64>(),
    ) {
        let path: Vec<TreeHash> = path.into_iter().map(TreeHash::from_bytes).collect();
        let hash = TreeHash::EMPTY;
        prop_assert!(verify_inclusion(&path, a, hash, b, hash).is_err());
        let consistent = verify_consistency(&path, a, hash, b, hash).is_ok();
        prop_assert_eq!(consistent, path.is_empty() && (a == b || a == 0));
    }
}
