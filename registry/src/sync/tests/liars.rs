//! Peers that tell something else than the members signed: nothing of it stays, and the next peer is asked.

use super::{world::entry, *};
use crate::source::{BUNDLE_BYTES_MAX, PLACES_BYTES_MAX};
use std::{fs, path::Path};

const ENTRIES: &str = "tile/entries/001";
const BLOCKS: &str = "tile/blocks/001";
const LAST_ENTRIES: &str = "tile/entries/002.p/188";

/// Changes a file of a peer.
fn change(folder: &Path, file: &str, how: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join(file);
    let mut content = fs::read(&path).unwrap();
    let before = content.clone();
    how(&mut content);
    assert_ne!(content, before);
    fs::write(path, content).unwrap();
}

/// The entries of the second bundle, changed.
fn change_entries(folder: &Path, ledger: &Ledger, how: impl FnOnce(&mut Vec<Vec<u8>>)) {
    change(folder, ENTRIES, |content| {
        let mut entries = ledger.records[256..512].to_vec();
        how(&mut entries);
        *content = entries.iter().flat_map(|record| entry(record)).collect();
    });
}

type Lie = (&'static str, fn(&Path, &Ledger));

const LIES: &[Lie] = &[
    ("an entry that nobody signed", |folder, ledger| {
        let wrong = ledger.network.event_by(6, 1, 1, &key(99));
        change_entries(folder, ledger, |entries| {
            entries[0] = wrong.as_bytes().to_vec()
        });
    }),
    ("another signature under an entry", |folder, ledger| {
        change_entries(folder, ledger, |entries| {
            *entries[77].last_mut().unwrap() ^= 1
        });
    }),
    (
        "an entry less, and one that could follow at the end",
        |folder, ledger| {
            let further = ledger.network.event(200, 2, 6).as_bytes().to_vec();
            change(folder, LAST_ENTRIES, |content| {
                let mut entries = ledger.records[512..699].to_vec();
                entries.push(further);
                *content = entries.iter().flat_map(|record| entry(record)).collect();
            });
        },
    ),
    ("two entries in each other's place", |folder, ledger| {
        change_entries(folder, ledger, |entries| entries.swap(10, 11));
    }),
    ("an entry of another network", |folder, ledger| {
        let other = Network::of(5).event(6, 1, 1);
        change_entries(folder, ledger, |entries| {
            entries[3] = other.as_bytes().to_vec()
        });
    }),
    ("an entry that is no record", |folder, ledger| {
        change_entries(folder, ledger, |entries| entries[3] = vec![0xff; 9]);
    }),
    ("a height that is one more", |folder, _| {
        change(folder, BLOCKS, |content| {
            // All entries of a block.
            let block = content[16 * 100..16 * 101].to_vec();
            for place in content.chunks_mut(16).filter(|place| **place == block[..]) {
                place[7] += 1;
            }
        });
    }),
    ("a height of a part of a block", |folder, _| {
        change(folder, BLOCKS, |content| content[16 * 100 + 7] += 1);
    }),
    ("a time that is one less", |folder, _| {
        change(folder, BLOCKS, |content| content[16 * 100 + 15] -= 1);
    }),
    ("a height beyond the checkpoint", |folder, _| {
        change(folder, BLOCKS, |content| content[16 * 100] = 0xff);
    }),
    ("heights that go down", |folder, _| {
        change(folder, BLOCKS, |content| {
            content[16 * 100..16 * 101].fill(0)
        });
    }),
    ("no second bundle", |folder, _| {
        fs::remove_file(folder.join(ENTRIES)).unwrap()
    }),
    ("no second bundle of places", |folder, _| {
        fs::remove_file(folder.join(BLOCKS)).unwrap();
    }),
    ("no last bundle", |folder, _| {
        fs::remove_file(folder.join(LAST_ENTRIES)).unwrap();
    }),
    ("an empty bundle", |folder, _| {
        change(folder, ENTRIES, Vec::clear)
    }),
    ("a bundle that ends within an entry", |folder, _| {
        change(folder, ENTRIES, |content| {
            content.truncate(content.len() - 5)
        });
    }),
    ("a bundle with an entry less", |folder, ledger| {
        change_entries(folder, ledger, |entries| drop(entries.pop()));
    }),
    ("a bundle with an entry more", |folder, ledger| {
        let more = ledger.records[512].clone();
        change_entries(folder, ledger, |entries| entries.push(more));
    }),
    ("places that end within one", |folder, _| {
        change(folder, BLOCKS, |content| {
            content.truncate(content.len() - 5)
        });
    }),
    ("a bundle longer than any", |folder, _| {
        change(folder, ENTRIES, |content| {
            content.resize(BUNDLE_BYTES_MAX + 1, 0)
        });
    }),
    ("more places than entries", |folder, _| {
        change(folder, BLOCKS, |content| {
            content.resize(PLACES_BYTES_MAX + 1, 0)
        });
    }),
];

#[tokio::test]
async fn neg_l08_what_a_lying_peer_tells_is_dropped_and_the_next_peer_is_asked() {
    let ledger = Ledger::filled();
    for (what, lie) in LIES {
        let world = World::new(&ledger);
        ledger.tell(&world.peer(1));
        lie(&world.peer(1), &ledger);
        let alone = world.start().await.unwrap();
        assert_eq!(alone.tip(), Tip::EMPTY, "{what}");
        assert_eq!(alone.entry(0).unwrap(), None, "{what}");
        assert_eq!(alone.cosigned().unwrap(), None, "{what}");
        drop(alone);
        let state = restored_state(&world.genesis, &world.open().unwrap()).unwrap();
        assert_eq!(state.size(), 0, "{what}");

        ledger.tell(&world.peer(2));
        assert_shows(world.start().await.unwrap(), &ledger);
    }
}

#[tokio::test]
async fn neg_l08_each_part_of_the_checkpoint_must_follow_from_the_records() {
    let ledger = Ledger::filled();
    let honest = ledger.checkpoint();
    let empty = Ledger::new(4).checkpoint();
    let mut wrong = vec![honest; 5];
    wrong[0].root = empty.root;
    wrong[1].height += 1;
    wrong[2].time = wrong[2].time.plus_seconds(1);
    wrong[3].blocks = empty.blocks;
    wrong[4].trusted_parties = protocol::registry::ContentDigest::of(b"another");
    for (number, checkpoint) in wrong.iter().enumerate() {
        let world = World::new(&ledger);
        ledger.tell(&world.peer(1));
        let note = sign(checkpoint, &ledger.state.committees(), &[0, 1, 2]);
        fs::write(world.peer(1).join("checkpoint"), note).unwrap();
        let store = world.start().await.unwrap();
        assert_eq!(store.tip(), Tip::EMPTY, "part {number}");
    }
}

#[tokio::test]
async fn neg_l07_a_checkpoint_that_does_not_hold_makes_nobody_fetch() {
    let ledger = Ledger::filled();
    let of_another_network = Network::of(5).genesis.committees().clone();
    let flip =
        |note: String| note.replacen("\u{2014} member1.example ", "\u{2014} member1.example A", 1);
    let notes = [
        ledger.note(&[0, 1]),
        flip(ledger.note(&[0, 1, 2])),
        sign(&ledger.checkpoint(), &ledger.state.committees(), &[0, 1, 2]).replace('7', "8"),
        "no note".to_owned(),
        String::new(),
        "x".repeat(10 * 1024 * 1024),
    ];
    assert_ne!(of_another_network, ledger.state.committees());
    for note in notes {
        let world = World::new(&ledger);
        ledger.tell(&world.peer(1));
        fs::write(world.peer(1).join("checkpoint"), &note).unwrap();
        let files = world.files();
        assert_eq!(world.start().await.unwrap().tip(), Tip::EMPTY);
        assert_eq!(world.files(), files, "nothing was stored");
    }
}

#[tokio::test]
async fn a_peer_that_fills_the_disk_leaves_room_for_the_next_one() {
    let ledger = Ledger::filled();
    let world = World::new(&ledger);
    ledger.tell(&world.peer(1));
    world.disk.limit_bytes(Some(100_000));
    assert_eq!(world.start().await.unwrap().tip(), Tip::EMPTY);
    world.disk.limit_bytes(None);
    assert_shows(world.start().await.unwrap(), &ledger);
}
