//! The members in assembly: they propose changes, approve them through any node, and see that they take effect.

use crate::{
    desk::{Answer, Desk},
    network::{definition, founder, name, the_issuer},
    plan::{Decision, below, rng},
};
use protocol::registry::{Member, TrustedParties, governance::Change, record::Record};
use rand_chacha::ChaCha20Rng;
use registry::state::Rejection;
use std::time::Duration;

const PAUSE: Duration = Duration::from_millis(200);
/// The second definition is active this many blocks after its proposal.
const DEFINITION_AHEAD: u64 = 40;

/// Brings the decisions about, one after the other.
pub(crate) async fn decide(desk: Desk, decisions: Vec<Decision>, seed: u64) {
    let mut rng = rng(seed ^ 0xaa << 48);
    for decision in decisions {
        let (height, _) = shown(&desk, &mut rng).await;
        let founders = desk.network.members;
        let quorum = founders - (founders - 1) / 3;
        let votes = if decision == Decision::Minority {
            quorum - 1
        } else {
            // Where somebody was admitted one more has to agree; elsewhere the last one comes too late.
            quorum + 1
        };
        let first = below(&mut rng, founders);
        let change = change(decision, &desk, height);
        let proposal = desk.network.proposal(first, 0, change);
        insist(&desk, &mut rng, &proposal).await;
        for vote in 1..votes {
            let member = (first + vote) % founders;
            let approval = desk.network.approval(member, proposal.id());
            insist(&desk, &mut rng, &approval).await;
        }
        follow(&desk, &mut rng, decision).await;
    }
    desk.rise();
}

/// Sees a decision through until it has taken effect.
async fn follow(desk: &Desk, rng: &mut ChaCha20Rng, decision: Decision) {
    let newcomer = desk.network.members;
    let mut awaited = decision == Decision::Admit;
    loop {
        let (height, parties) = shown(desk, rng).await;
        let mut scheduled = parties.scheduled().iter();
        let is_admitted = |member: &Member| member.name == name(newcomer);
        if awaited && scheduled.any(|committee| committee.members.iter().any(is_admitted)) {
            desk.admit(newcomer);
            awaited = false;
        }
        if let Some(what) = in_force(decision, desk, height, &parties) {
            desk.decided(what);
            return;
        }
        desk.timer.sleep(PAUSE).await;
    }
}

fn change(decision: Decision, desk: &Desk, height: u64) -> Change {
    match decision {
        Decision::Admit => Change::AdmitMember {
            member: founder(desk.network.members, 0),
        },
        Decision::Remove(member) => Change::RemoveMember { name: name(member) },
        Decision::Suspend(member) => Change::SuspendMember { name: name(member) },
        Decision::CosigningKey(member) => Change::UpdateMember {
            member: founder(member, 1),
        },
        Decision::RecordKey => Change::RegisterIssuer {
            issuer: the_issuer(1),
        },
        Decision::Definition => {
            let mut definition = definition(2);
            definition.activation_height = height + DEFINITION_AHEAD;
            Change::PublishDefinition { definition }
        }
        Decision::Minority => Change::UpdateMember {
            member: Member {
                validator: false,
                ..founder(1, 0)
            },
        },
    }
}

/// What has come of a decision, once it has.
fn in_force(
    decision: Decision,
    desk: &Desk,
    height: u64,
    parties: &TrustedParties,
) -> Option<&'static str> {
    let parties = parties.parties();
    let member = |wanted: usize| {
        let mut members = parties.members().iter();
        members.find(|member| member.name == name(wanted))
    };
    let (done, what) = match decision {
        Decision::Admit => (member(desk.network.members).is_some(), "member admitted"),
        Decision::Remove(gone) => (member(gone).is_none(), "member removed"),
        Decision::Suspend(gone) => (
            member(gone).is_some_and(|member| member.suspended),
            "member suspended",
        ),
        Decision::CosigningKey(changed) => (
            member(changed) == Some(&founder(changed, 1)),
            "cosigning key changed",
        ),
        Decision::RecordKey => {
            let mut issuers = parties.issuers().iter();
            let next = the_issuer(1).record_key;
            (
                issuers.any(|issuer| issuer.record_key == next),
                "record key changed",
            )
        }
        Decision::Definition => (
            parties.process_definition_at(height).version == 2,
            "definition activated",
        ),
        // Whether the nodes have taken it is seen from what they sign.
        Decision::Minority => (true, "minority heard"),
    };
    done.then_some(what)
}

/// What some node shows that can be followed.
async fn shown(desk: &Desk, rng: &mut ChaCha20Rng) -> (u64, TrustedParties) {
    loop {
        if let Some(access) = desk.any_node(rng)
            && let Some(shown) = desk.parties(&access)
        {
            return shown;
        }
        desk.timer.sleep(PAUSE).await;
    }
}

/// Submits a member's record until it stands, or is too late to be needed.
async fn insist(desk: &Desk, rng: &mut ChaCha20Rng, record: &Record) {
    loop {
        let answer = match desk.any_node(rng) {
            Some(access) => desk.submit(access, record.as_bytes()).await,
            None => Answer::Silence,
        };
        match answer {
            Answer::Recorded(_) | Answer::Rejected(Rejection::Conflict) => return,
            Answer::Rejected(_) | Answer::Silence => desk.timer.sleep(PAUSE).await,
        }
    }
}
