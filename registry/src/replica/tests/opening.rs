//! What a replica makes of its store when it starts.

use crate::{
    fixture::{NOW, Network, block, key},
    replica::{OpenError, Replica},
    store::{
        disk::{Directory, Disk},
        fsck::{Finding, Remedy, examine},
    },
};
use protocol::registry::{checkpoint::Checkpoint, record::Record};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use registry_consensus::{Application as _, Verdict};
use serde_json::json;
use std::{path::Path, sync::Arc};

fn latest(replica: &Replica) -> Checkpoint {
    *replica.latest().unwrap().checkpoint.checkpoint()
}

fn commit(replica: &Replica, network: &Network, case: u8, heights: std::ops::Range<u64>) {
    for height in heights {
        let sequence = u32::try_from(height - 1).unwrap();
        let code = [1, 2, 6][usize::try_from(height - 1).unwrap()];
        let record = network.event(case, sequence, code);
        replica.commit(&block(height, &[&record])).unwrap();
    }
}

#[test]
fn what_stood_before_a_mark_is_looked_up() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let [batch, designation, received, decided] = network.application();
    let replica = network.replica(0, directory.path());
    replica.commit(&block(1, &[&batch, &designation])).unwrap();
    replica
        .commit(&block(2, &[&network.event(1, 0, 1)]))
        .unwrap();
    replica.close().unwrap();
    drop(replica);

    let replica = network.replica(0, directory.path());
    let judge = |record: &Record| replica.validate(&[], &block(3, &[record]));
    assert_eq!(judge(&received), Verdict::Valid);
    assert_eq!(judge(&network.event(1, 1, 2)), Verdict::Valid);
    assert_eq!(judge(&batch), Verdict::Invalid);
    assert_eq!(judge(&designation), Verdict::Invalid);
    assert_eq!(judge(&decided), Verdict::Invalid);
    assert_eq!(judge(&network.event(1, 0, 1)), Verdict::Invalid);
    assert_eq!(judge(&network.event(1, 0, 2)), Verdict::Invalid);
}

#[test]
fn a_state_that_disagrees_with_what_was_signed_is_made_again_from_the_entries() {
    let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
    let beside = tempfile::tempdir().unwrap();
    let untouched = network.replica(0, beside.path());
    let replica = network.replica(0, directory.path());
    commit(&replica, &network, 1, 1..3);
    commit(&untouched, &network, 1, 1..4);
    replica.close().unwrap();
    let before = latest(&replica);
    drop(replica);
    {
        let store = network.store(directory.path());
        let (size, mut snapshot) = store.marked();
        assert_eq!(size, 2);
        snapshot["blocks"] = json!("77".repeat(32));
        store.mark(snapshot).unwrap();
    }
    let replica = network.replica(0, directory.path());
    assert_eq!(latest(&replica), before);
    commit(&replica, &network, 1, 3..4);
    assert_eq!(latest(&replica), latest(&untouched));
}

#[test]
fn entries_that_the_members_did_not_sign_are_not_served() {
    let network = Network::of(1);
    let (signed, swapped) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (directory, case) in [(&signed, 1), (&swapped, 2)] {
        let replica = network.replica(0, directory.path());
        commit(&replica, &network, case, 1..3);
        replica.close().unwrap();
    }
    let cosigned = |directory: &Path| {
        let files = std::fs::read_dir(directory).unwrap();
        let mut paths = files.map(|file| file.unwrap().path());
        let is_cosigned = |path: &std::path::PathBuf| path.to_string_lossy().contains("cosigned-");
        paths.find(is_cosigned).unwrap()
    };
    std::fs::copy(cosigned(signed.path()), cosigned(swapped.path())).unwrap();
    let opened = Replica::open(
        network.genesis.clone(),
        network.store(swapped.path()),
        vec![key(0)],
        NOW,
    );
    assert!(matches!(opened, Err(OpenError::Contradiction)));
    let findings = findings(&network, swapped.path());
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].remedy, Remedy::Empty);

    // A note that the disk changed says nothing against the entries.
    let path = cosigned(signed.path());
    let mut note = std::fs::read_to_string(&path).unwrap();
    note = note.replacen("\\n2\\n", "\\n1\\n", 1);
    std::fs::write(&path, note).unwrap();
    assert_eq!(self::findings(&network, signed.path()), []);
}

fn findings(network: &Network, directory: &Path) -> Vec<Finding> {
    let disk: Arc<dyn Disk> = Arc::new(Directory::open(directory).unwrap());
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let examination = examine(&disk, &network.genesis, &mut rng);
    examination.unwrap().findings
}
