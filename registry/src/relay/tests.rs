//! A network of relays without a network: what one sends, the other receives at once.

use super::{Action, CellMessage, Committee, Full, Relay, Settings, WAITING_MAX};
use crate::fixture;
use proptest::prelude::*;
use protocol::relay::{cell_bytes, relay_key};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use std::collections::{BTreeMap, BTreeSet};

const SLOT_MS: u64 = 1_000;
/// Shortly after a slot began.
const BEGIN_MS: u64 = 1_000_000_100;

struct Net {
    relays: Vec<Relay>,
    dead: BTreeSet<usize>,
    /// Messages that travelled in the last run, with sender and recipient.
    travelled: Vec<(usize, usize, CellMessage)>,
    now_ms: u64,
    rng: ChaCha20Rng,
}

impl Net {
    fn of(members: u8) -> Self {
        let network = fixture::Network::of(members);
        let entries = network.genesis.parties().members();
        let relays = (0_u8..).zip(entries).map(|(n, member)| {
            let me = [*member.consensus_key.as_bytes()];
            let id = network.genesis.network();
            let settings = Settings::of(entries.len(), SLOT_MS);
            let committee = Committee::new(id, entries.iter(), &me, settings);
            Relay::new(committee, vec![relay_key(&fixture::key(n)).unwrap()])
        });
        let mut net = Self {
            relays: relays.collect(),
            dead: BTreeSet::new(),
            travelled: Vec::new(),
            now_ms: BEGIN_MS,
            rng: ChaCha20Rng::seed_from_u64(7),
        };
        // All notice which slot it is; cells go from the next on.
        assert!(net.run().is_empty() && net.travelled.is_empty());
        net
    }

    fn slot(&self) -> u64 {
        self.now_ms / SLOT_MS
    }

    fn cascade(&self) -> Vec<usize> {
        self.relays[0].committee().cascade(self.slot())
    }

    fn next_slot(&mut self) -> BTreeMap<usize, Vec<Vec<u8>>> {
        self.now_ms += SLOT_MS;
        self.run()
    }

    /// Moves on to the next slot whose cascade has only living nodes.
    fn next_living_slot(&mut self) -> BTreeMap<usize, Vec<Vec<u8>>> {
        loop {
            self.now_ms += SLOT_MS;
            if self.cascade().iter().all(|node| !self.dead.contains(node)) {
                return self.run();
            }
            for relay in &mut self.relays {
                relay.slot = Some(self.now_ms / SLOT_MS);
            }
        }
    }

    /// All look at the clock, and everything that is sent arrives. What comes out, by node.
    fn run(&mut self) -> BTreeMap<usize, Vec<Vec<u8>>> {
        self.travelled.clear();
        let mut out: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
        let mut todo = Vec::new();
        for (node, relay) in self.relays.iter_mut().enumerate() {
            if !self.dead.contains(&node) {
                let actions = relay.tick(self.now_ms, &mut self.rng);
                todo.extend(actions.into_iter().map(|action| (node, action)));
            }
        }
        while let Some((from, action)) = todo.pop() {
            match action {
                Action::Submit(record) => out.entry(from).or_default().push(record),
                Action::Send(to, message) => {
                    self.travelled.push((from, to, message.clone()));
                    if !self.dead.contains(&to) {
                        let relay = &mut self.relays[to];
                        let actions = relay.receive(from, message, self.now_ms, &mut self.rng);
                        todo.extend(actions.into_iter().map(|action| (to, action)));
                    }
                }
            }
        }
        out
    }
}

fn record(n: u8) -> Vec<u8> {
    vec![n; 193]
}

#[test]
fn a_record_comes_out_at_the_end_of_the_cascade() {
    for members in [1, 2, 4, 7] {
        let mut net = Net::of(members);
        net.relays[0].offer(&record(1)).unwrap();
        let out = net.next_slot();
        let last = *net.cascade().last().unwrap();
        assert_eq!(out, BTreeMap::from([(last, vec![record(1)])]), "{members}");
        assert!(net.next_slot().is_empty(), "only once");
    }
}

#[test]
fn every_member_sends_as_many_cells_of_one_size_whether_or_not_records_wait() {
    let mut net = Net::of(7);
    let busy = 3;
    for n in 0..20 {
        net.relays[busy].offer(&record(n)).unwrap();
    }
    let mut records = 0;
    for _slot in 0..5 {
        let out = net.next_slot();
        records += out.values().flatten().count();
        let cascade = net.cascade();
        let mut sent: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for (from, _, message) in &net.travelled {
            let hop = usize::from(message.place.hop);
            sent.entry((hop, *from))
                .or_default()
                .push(message.cell.len());
        }
        for member in (0..7).filter(|member| *member != cascade[0]) {
            assert_eq!(sent[&(0, member)], vec![cell_bytes(3); 8]);
        }
        assert_eq!(sent[&(1, cascade[0])], vec![cell_bytes(2); 56]);
        assert_eq!(sent[&(2, cascade[1])], vec![cell_bytes(1); 56]);
        assert_eq!(sent.len(), 6 + 2);
    }
    assert_eq!(records, 20, "eight in a slot");
}

#[test]
fn the_records_of_a_slot_come_out_in_no_order_of_members() {
    let mut net = Net::of(7);
    let mut firsts = BTreeSet::new();
    for round in 0..10_u8 {
        for member in 0..7_u8 {
            let record = vec![round, member];
            net.relays[usize::from(member)].offer(&record).unwrap();
        }
        let out = net.next_slot();
        let records: Vec<_> = out.into_values().flatten().collect();
        assert_eq!(records.len(), 7);
        firsts.insert(records[0][1]);
    }
    assert!(firsts.len() > 3, "{firsts:?}");
}

#[test]
fn a_record_that_is_offered_again_is_sent_again_only_after_its_slot() {
    let mut net = Net::of(4);
    net.relays[2].offer(&record(1)).unwrap();
    net.relays[2].offer(&record(1)).unwrap();
    assert_eq!(net.next_slot().values().flatten().count(), 1);
    net.relays[2].offer(&record(1)).unwrap();
    for _slot in 0..3 {
        assert_eq!(net.next_slot().values().flatten().count(), 0, "on its way");
    }
    net.relays[2].offer(&record(1)).unwrap();
    assert_eq!(
        net.next_slot().values().flatten().count(),
        1,
        "given up and sent again"
    );
    net.relays[2].offer(&record(2)).unwrap();
    net.relays[2].forget(&record(2));
    assert_eq!(net.next_slot().values().flatten().count(), 0, "forgotten");
}

#[test]
fn as_many_dead_members_as_may_fail_do_not_hold_up_a_slot_without_them() {
    let mut net = Net::of(7);
    net.dead = BTreeSet::from([0, 1]);
    net.relays[5].offer(&record(1)).unwrap();
    let at_once = net.next_living_slot();
    assert!(at_once.is_empty(), "the first node waits for the dead");
    net.now_ms += SLOT_MS;
    assert_eq!(net.run().values().flatten().count(), 1);
}

#[test]
fn a_crowd_that_is_too_small_to_hide_in_gets_nothing_passed_on() {
    let mut net = Net::of(7);
    net.dead = BTreeSet::from([0, 1, 2]);
    net.relays[5].offer(&record(1)).unwrap();
    net.next_living_slot();
    net.now_ms += SLOT_MS;
    assert!(net.run().is_empty());
    let entering = |message: &CellMessage| message.place.hop == 0;
    assert!(
        net.travelled
            .iter()
            .all(|(_, _, message)| entering(message))
    );
}

#[test]
fn a_lost_record_comes_out_of_a_later_slot() {
    let mut net = Net::of(4);
    net.relays[0].offer(&record(1)).unwrap();
    let mut came_out = 0;
    for slot in 0..20 {
        // A node that is gone for one slot takes the cells of that slot with it.
        net.dead = if slot == 0 {
            let next = net.relays[0].committee().cascade(net.slot() + 1);
            BTreeSet::from([*next.last().unwrap()])
        } else {
            BTreeSet::new()
        };
        came_out += net.next_slot().values().flatten().count();
        net.relays[0].offer(&record(1)).unwrap();
        if came_out > 0 {
            assert!(slot > 0);
            return;
        }
    }
    panic!("the record never came out");
}

#[test]
fn a_cell_from_the_wrong_member_of_the_wrong_size_or_slot_is_not_taken() {
    let mut net = Net::of(7);
    net.next_slot();
    let cascade = net.cascade();
    let (from, to, cell) = net
        .travelled
        .iter()
        .find(|(_, _, message)| message.place.hop == 1)
        .cloned()
        .unwrap();
    assert_eq!((from, to), (cascade[0], cascade[1]));
    let fresh = || {
        let net = Net::of(7);
        net.relays.into_iter().nth(to).unwrap()
    };
    let now_ms = net.now_ms;
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut open = |from: usize, message: &CellMessage, now_ms: u64| {
        let mut relay = fresh();
        relay.receive(from, message.clone(), now_ms, &mut rng);
        relay.collections.close(message.place).len()
    };
    assert_eq!(open(from, &cell, now_ms), 1);
    assert_eq!(open(cascade[2], &cell, now_ms), 0, "not the node before");
    assert_eq!(
        open(from, &cell, now_ms + 3 * SLOT_MS),
        0,
        "the slot is over"
    );
    let changed = |change: fn(&mut CellMessage)| {
        let mut message = cell.clone();
        change(&mut message);
        message
    };
    let bad: [fn(&mut CellMessage); 5] = [
        |message| message.cell.push(0),
        |message| message.place.hop = 2,
        |message| message.place.hop = 255,
        |message| message.total = 8,
        |message| message.total = 57,
    ];
    for bad in bad {
        assert_eq!(open(from, &changed(bad), now_ms), 0);
    }
}

#[test]
fn cells_that_are_sent_again_do_not_come_out_again() {
    let mut net = Net::of(4);
    net.relays[0].offer(&record(1)).unwrap();
    assert_eq!(net.next_slot().values().flatten().count(), 1);
    let again = net.travelled.clone();
    for (from, to, message) in again {
        let now_ms = net.now_ms;
        let actions = net.relays[to].receive(from, message, now_ms, &mut net.rng);
        assert_eq!(actions, []);
    }
}

#[test]
fn a_cell_that_cannot_be_opened_goes_on_as_a_dummy() {
    let mut net = Net::of(4);
    net.next_slot();
    let (slot, entry) = (net.slot() + 1, 0);
    net.now_ms = slot * SLOT_MS + 100;
    let cascade = net.relays[0].committee().cascade(slot);
    let entry = cascade.get(entry).copied().unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut passed_on = Vec::new();
    for from in 0..4 {
        for n in 0..8_u8 {
            let place = protocol::relay::Place { slot, hop: 0 };
            let garbage = vec![n + 8 * u8::try_from(from).unwrap(); cell_bytes(2)];
            let message = CellMessage::new(place, 8, garbage);
            passed_on.extend(net.relays[entry].receive(from, message, net.now_ms, &mut rng));
        }
    }
    let sizes = passed_on.iter().map(|action| match action {
        Action::Send(to, message) => (*to, message.total, message.cell.len()),
        Action::Submit(_) => panic!("nothing to submit"),
    });
    assert_eq!(
        sizes.collect::<Vec<_>>(),
        vec![(cascade[1], 32, cell_bytes(1)); 32]
    );
}

#[test]
fn a_member_cannot_send_more_than_its_share() {
    let mut net = Net::of(4);
    net.next_slot();
    let slot = net.slot() + 1;
    let entry = net.relays[0].committee().cascade(slot)[0];
    let relay = &mut net.relays[entry];
    let place = protocol::relay::Place { slot, hop: 0 };
    for n in 0..100_u8 {
        let message = CellMessage::new(place, 8, vec![n; cell_bytes(2)]);
        relay.receive(3, message, slot * SLOT_MS, &mut net.rng);
    }
    assert_eq!(relay.collections.close(place).len(), 8);
}

#[test]
fn only_so_many_records_wait() {
    let mut net = Net::of(4);
    for n in 0..u16::try_from(WAITING_MAX).unwrap() {
        net.relays[0].offer(&n.to_be_bytes()).unwrap();
    }
    assert_eq!(net.relays[0].offer(b"one more"), Err(Full));
    assert_eq!(
        net.relays[0].offer(&7_u16.to_be_bytes()),
        Ok(()),
        "it waits already"
    );
}

/// Something that a stranger to the rules does to a relay.
#[derive(Clone, Debug)]
enum Mischief {
    Wait(u64),
    Offer(u8),
    Cell {
        from: usize,
        slot: u64,
        hop: u8,
        total: usize,
        size: usize,
        content: u8,
    },
}

fn mischief() -> impl Strategy<Value = Mischief> {
    let sizes = [
        0,
        40,
        cell_bytes(0),
        cell_bytes(1),
        cell_bytes(2),
        cell_bytes(3),
    ];
    let totals = [0, 7, 8, 24, 32, 33, usize::MAX];
    prop_oneof![
        (0..SLOT_MS).prop_map(Mischief::Wait),
        (0..5_u8).prop_map(Mischief::Offer),
        (
            0..6_usize,
            0..7_u64,
            0..4_u8,
            0..7_usize,
            0..6_usize,
            any::<u8>()
        )
            .prop_map(
                move |(from, slot, hop, total, size, content)| Mischief::Cell {
                    from,
                    slot,
                    hop,
                    total: totals[total],
                    size: sizes[size],
                    content,
                }
            ),
    ]
}

proptest! {
    // Each case seals and opens hundreds of cells.
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn neg_l09_whatever_arrives_a_place_is_passed_on_once_whole_and_nothing_is_submitted(
        acts in proptest::collection::vec(mischief(), 1..200),
        seed: u64,
    ) {
        let mut net = Net::of(4);
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let relay = &mut net.relays[1];
        let mut now_ms = BEGIN_MS;
        let mut sent: BTreeMap<protocol::relay::Place, (usize, usize)> = BTreeMap::new();
        for act in acts {
            let actions = match act {
                Mischief::Wait(ms) => {
                    now_ms += ms;
                    relay.tick(now_ms, &mut rng)
                }
                Mischief::Offer(n) => {
                    relay.offer(&record(n)).unwrap();
                    Vec::new()
                }
                Mischief::Cell { from, slot, hop, total, size, content } => {
                    let slot = (now_ms / SLOT_MS + slot).saturating_sub(3);
                    let place = protocol::relay::Place { slot, hop };
                    let message = CellMessage::new(place, total, vec![content; size]);
                    relay.receive(from, message, now_ms, &mut rng)
                }
            };
            for action in actions {
                match action {
                    Action::Submit(_) => prop_assert!(false, "nothing real arrived"),
                    Action::Send(_, message) => {
                        let (total, count) = sent.entry(message.place).or_insert((message.total, 0));
                        prop_assert_eq!(*total, message.total);
                        *count += 1;
                    }
                }
            }
        }
        for (place, (total, count)) in sent {
            prop_assert_eq!(total, count, "{:?}", place);
        }
    }
}
