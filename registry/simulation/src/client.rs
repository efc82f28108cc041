//! Clients: they submit the records of cases until they have receipts, try wrong ones, and read.

use crate::{
    desk::{Answer, Desk},
    network::CODES,
    plan::{below, rng},
};
use protocol::registry::record::Record;
use rand_chacha::ChaCha20Rng;
use registry::state::Rejection;
use std::time::Duration;

/// A client that was refused or cut off tries another node after this time.
const PAUSE: Duration = Duration::from_millis(200);
/// Readers look this often.
const GLANCE: Duration = Duration::from_millis(200);
/// The code that closes a case.
const CLOSED: u16 = 6;

/// A step of a case.
#[derive(Clone, Copy)]
struct Step {
    case: [u8; 16],
    place: (u32, u16),
}

/// Works on cases until the desk closes.
pub(crate) async fn work(desk: Desk, number: u8, seed: u64) {
    desk.begin();
    let mut rng = rng(seed ^ u64::from(number) << 56);
    let mut name = [number; 16];
    name[0] = 0;
    while !desk.is_closing() {
        name[0] = name[0].wrapping_add(1);
        for place in (0..).zip(CODES) {
            let step = Step { case: name, place };
            try_wrong(&desk, &mut rng, step).await;
            let (record, index) = insist(&desk, &mut rng, step).await;
            if below(&mut rng, 4) == 0 {
                let again = repeat(&desk, &mut rng, &record).await;
                if again != index {
                    desk.violation(format!("N4: one record stands at {index} and at {again}"));
                }
            }
        }
    }
    desk.end();
}

/// What nobody may take: a later step, or the last one before its turn.
async fn try_wrong(desk: &Desk, rng: &mut ChaCha20Rng, step: Step) {
    let (sequence, code) = step.place;
    let (version, key) = desk.customs();
    let wrong = match below(rng, 12) {
        0 => (sequence + 1, CLOSED),
        1 if code != CLOSED => (sequence, CLOSED),
        _ => return,
    };
    let wrong = desk.network.event(step.case, wrong, version, key);
    if let Some(access) = desk.any_node(rng) {
        desk.submit(access, wrong.as_bytes()).await;
    }
}

/// Submits a step until there is a receipt: as the customs are, and as they turn out to be.
async fn insist(desk: &Desk, rng: &mut ChaCha20Rng, step: Step) -> (Record, u64) {
    let mut customs = vec![desk.customs()];
    if below(rng, 8) == 0 {
        // Perhaps the next definition is active already.
        customs.insert(0, (2, desk.customs().1));
    }
    let mut turn = 0;
    loop {
        let (version, key) = customs.get(turn % customs.len()).copied().unwrap_or((1, 0));
        turn += 1;
        let record = desk.network.event(step.case, step.place, version, key);
        let answer = match desk.any_node(rng) {
            Some(access) => desk.submit(access, record.as_bytes()).await,
            None => Answer::Silence,
        };
        let other = match answer {
            Answer::Recorded(index) => {
                desk.set_customs((version, key));
                return (record, index);
            }
            Answer::Rejected(Rejection::InactiveDefinition { active }) => (active, key),
            Answer::Rejected(Rejection::NotAuthorised) => (version, 1 - key),
            Answer::Rejected(_) | Answer::Silence => (version, key),
        };
        if !customs.contains(&other) {
            customs.push(other);
        }
        desk.timer.sleep(PAUSE).await;
    }
}

/// Submits a record again until there is a receipt.
async fn repeat(desk: &Desk, rng: &mut ChaCha20Rng, record: &Record) -> u64 {
    loop {
        if let Some(access) = desk.any_node(rng)
            && let Answer::Recorded(index) = desk.submit(access, record.as_bytes()).await
        {
            return index;
        }
        desk.timer.sleep(PAUSE).await;
    }
}

/// Reads what nodes show until the desk closes and everybody has gone: all that they show of a new epoch, otherwise now and then.
/// Sometimes one shows the oldest ledger as if it were the newest.
pub(crate) async fn read(desk: Desk, seed: u64) {
    let mut rng = rng(seed ^ 0xff << 48);
    let epochs = desk.network.genesis.epochs();
    let mut epoch = None;
    while !(desk.is_closing() && desk.is_idle()) {
        desk.timer.sleep(GLANCE).await;
        for seat in 0..desk.network.seats() {
            let Some(access) = desk.node(seat) else {
                continue;
            };
            let latest = access.replica.latest();
            let shown = latest.map(|shown| epochs.of(shown.checkpoint.checkpoint().height));
            if (shown > epoch || below(&mut rng, 4) == 0) && desk.parties(&access).is_some() {
                epoch = shown.max(epoch);
                admit(&desk, &access);
            }
        }
        if below(&mut rng, 8) == 0
            && let Some(oldest) = desk.reader.oldest()
            && let Err(back) = desk.reader.admit(&oldest, &[])
        {
            desk.violation(back);
        }
    }
}

fn admit(desk: &Desk, access: &crate::desk::Access) {
    let Some(latest) = access.replica.latest() else {
        return;
    };
    let newest = desk.reader.newest();
    let size = newest.map_or(0, |newest| newest.size());
    let proof = match access.replica.consistency(size, None) {
        Ok(Some(proof)) => proof.hashes,
        // A node that is behind shows a smaller ledger.
        Ok(None) => Vec::new(),
        // Its disk fails it.
        Err(_) => return,
    };
    if let Err(back) = desk.reader.admit(&latest.checkpoint, &proof) {
        desk.violation(back);
    }
}
