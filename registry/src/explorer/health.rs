//! How the members and this node do, as far as this node can tell.

use crate::{cosigning::LastSigned, operations::STALE_SECONDS, replica::Replica};
use protocol::{
    Timestamp,
    registry::{Member, Parties},
};
use service::operations::Readiness;
use std::{collections::BTreeMap, sync::Arc};

/// A member whose newest signature is older than a quorum's by this is behind.
const BEHIND_SECONDS: u64 = 60;

/// How a member does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attendance {
    /// It signs what the others sign.
    Signing,
    /// It signed lately, and less than the others.
    Behind {
        /// So many records.
        records: u64,
    },
    /// It has not signed for a quarter of an hour, or since this node started.
    Silent,
    /// The members suspended it.
    Suspended,
}

/// A member, and what it signed last.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) member: Member,
    pub(super) last: Option<LastSigned>,
    pub(super) attendance: Attendance,
}

/// How the whole does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All members sign.
    Well,
    /// A quorum signs; some members do not.
    Weak,
    /// This node cannot show the present: it lacks blocks, or no quorum signs.
    Ill,
    /// No quorum has signed yet.
    Starting,
}

/// What the overview says of the registry.
#[derive(Clone, Debug)]
pub(super) struct Health {
    pub(super) verdict: Verdict,
    /// The word of `/readyz`, if this node is not ready.
    pub(super) word: Option<&'static str>,
    pub(super) seats: Vec<Seat>,
    pub(super) quorum: usize,
    pub(super) parties: Arc<Parties>,
    /// Records that a quorum signed for, and when it did so last.
    pub(super) size: u64,
    pub(super) cosigned_at: Option<Timestamp>,
}

impl Health {
    pub(super) fn of(replica: &Replica, readiness: Readiness, now: Timestamp) -> Self {
        let latest = replica.latest();
        let latest = latest.as_ref().map(|latest| &latest.checkpoint);
        let parties = replica.parties();
        let size = latest.map_or(0, |latest| latest.size());
        let cosigned_at = latest.map(|latest| latest.cosigned_at());
        let signed = replica.cosigning().last_signed();
        let seats = seats(parties.members(), &signed, size, cosigned_at, now);
        let word = match readiness {
            Readiness::Ready => None,
            Readiness::NotReady(word) => Some(word),
        };
        Self {
            verdict: verdict(&seats, cosigned_at, word),
            word,
            seats,
            quorum: parties.quorum(),
            parties,
            size,
            cosigned_at,
        }
    }

    /// Members that take part and signed lately.
    pub(super) fn signing(&self) -> usize {
        let seats = self.seats.iter();
        let signing = seats.filter(|seat| {
            matches!(
                seat.attendance,
                Attendance::Signing | Attendance::Behind { .. }
            )
        });
        signing.count()
    }

    /// Members that take part.
    pub(super) fn taking_part(&self) -> usize {
        self.parties.members_in_force().count()
    }
}

fn verdict(seats: &[Seat], cosigned_at: Option<Timestamp>, word: Option<&str>) -> Verdict {
    if cosigned_at.is_none() {
        return Verdict::Starting;
    }
    if matches!(word, Some("behind" | "stalled" | "stale")) {
        return Verdict::Ill;
    }
    let well = |seat: &Seat| matches!(seat.attendance, Attendance::Signing | Attendance::Suspended);
    if seats.iter().all(well) {
        Verdict::Well
    } else {
        Verdict::Weak
    }
}

fn seats(
    members: &[Member],
    signed: &BTreeMap<String, LastSigned>,
    size: u64,
    cosigned_at: Option<Timestamp>,
    now: Timestamp,
) -> Vec<Seat> {
    let seat = |member: &Member| {
        let last = signed.get(&member.name).copied();
        let attendance = match last {
            _ if member.suspended => Attendance::Suspended,
            Some(last) if now < last.at.plus_seconds(STALE_SECONDS) => {
                let fresh = last.at.plus_seconds(BEHIND_SECONDS);
                let records = size.saturating_sub(last.size);
                if records > 0 && cosigned_at.is_some_and(|at| fresh <= at) {
                    Attendance::Behind { records }
                } else {
                    Attendance::Signing
                }
            }
            Some(_) | None => Attendance::Silent,
        };
        Seat {
            member: member.clone(),
            last,
            attendance,
        }
    };
    members.iter().map(seat).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, Network};

    fn last(ago: u64, size: u64) -> LastSigned {
        LastSigned {
            at: NOW.minus_seconds(ago),
            height: size,
            size,
        }
    }

    fn attendances(signed: [Option<LastSigned>; 4], suspended: bool) -> (Vec<Attendance>, Verdict) {
        let network = Network::of(4);
        let mut members = network.genesis.parties().members().to_vec();
        members[3].suspended = suspended;
        let signed = members.iter().zip(signed);
        let signed = signed.filter_map(|(member, last)| Some((member.name.clone(), last?)));
        let signed: BTreeMap<String, LastSigned> = signed.collect();
        let seats = seats(&members, &signed, 100, Some(NOW), NOW);
        let verdict = verdict(&seats, Some(NOW), None);
        (seats.iter().map(|seat| seat.attendance).collect(), verdict)
    }

    #[test]
    fn a_member_is_judged_by_what_it_signed_last() {
        use Attendance::{Behind, Signing, Silent, Suspended};
        let well = Some(last(0, 100));
        // A signature that is a little late for the quorum, or on an idle ledger, is no sign of illness.
        let signed = [well, Some(last(59, 90)), Some(last(299, 100)), well];
        assert_eq!(
            attendances(signed, false),
            (vec![Signing; 4], Verdict::Well)
        );
        let signed = [well, Some(last(60, 90)), Some(last(900, 100)), None];
        let (seats, verdict) = attendances(signed, false);
        assert_eq!(seats, [Signing, Behind { records: 10 }, Silent, Silent]);
        assert_eq!(verdict, Verdict::Weak);
        let (seats, verdict) = attendances([well, well, well, None], true);
        assert_eq!((seats[3], verdict), (Suspended, Verdict::Well));
    }

    #[test]
    fn a_node_that_does_not_know_the_present_does_not_call_the_registry_well() {
        for word in ["behind", "stalled", "stale"] {
            assert_eq!(verdict(&[], Some(NOW), Some(word)), Verdict::Ill);
        }
        assert_eq!(verdict(&[], None, Some("starting")), Verdict::Starting);
        assert_eq!(verdict(&[], Some(NOW), Some("full")), Verdict::Well);
    }
}
