//! What an officer reads before signing: the whole of it, in one order, with the warnings last.

use super::{
    arguments::RotateArguments,
    describe,
    failure::short,
    forecast::{Forecast, Strength},
    plain::{Page, count, list, plain},
    view::{Proposed, Standing, View},
};
use protocol::{
    Timestamp,
    registry::{Genesis, Member, Parties, governance::Change},
};

/// A definition that waits for longer may have a mistyped height.
const EPOCHS_AHEAD_MAX: u64 = 10;

/// The line that says which ledger this is, as of when.
pub(super) fn heading(page: &mut Page, genesis: &Genesis, view: &View) {
    let epochs = view.trusted.epochs();
    let network: String = genesis.network().to_string().chars().take(12).collect();
    page.line(format!(
        "{} (network {network}), height {}, epoch {} ({} blocks each); signed by a quorum at {}",
        plain(genesis.name()),
        view.height,
        epochs.of(view.height),
        epochs.blocks(),
        view.checkpoint.cosigned_at(),
    ));
}

/// Height and epoch.
fn at(view: &View, height: u64) -> String {
    let epochs = view.trusted.epochs();
    format!("height {height} (epoch {})", epochs.of(height))
}

/// Everything that a change does.
pub(super) fn forecast(page: &mut Page, view: &View, forecast: &Forecast) {
    let (effect, change) = (forecast.timing.effect, &forecast.change);
    describe::content(page, change, &forecast.before);
    page.heading("When");
    if change.is_of_membership() {
        let decide_by = at(view, forecast.timing.decide_by);
        page.bullet(
            "",
            &format!(
                "From {} on, if it is decided by {decide_by}. Decided in a later epoch, it holds as many epochs later.",
                at(view, effect)
            ),
        );
    } else if effect > view.height.saturating_add(2) {
        page.bullet("", &format!("From {} on.", at(view, effect)));
    } else {
        page.bullet("", "From the block after the deciding approval on.");
    }
    if change.is_of_membership() {
        describe::strength(page, view.trusted.parties(), &forecast.after);
    } else {
        let strength = Strength::of(&forecast.after);
        page.heading("Who takes part");
        page.bullet(
            "",
            &format!(
                "Nothing changes: {} vote, f = {}; {} of {} decide.",
                count(strength.validators, "validator", "validators"),
                strength.faults(),
                strength.quorum,
                strength.members
            ),
        );
    }
    let lines = describe::consequences(forecast);
    if !lines.is_empty() {
        page.heading("What follows");
        for line in lines {
            page.bullet("*", &line);
        }
    }
}

/// What an officer should think about twice.
pub(super) fn warnings(view: &View, forecast: &Forecast, now: Timestamp) -> Vec<String> {
    let (before, after) = (
        Strength::of(view.trusted.parties()),
        Strength::of(&forecast.after),
    );
    let mut warnings = Vec::new();
    if forecast.change.is_of_membership() {
        if after.faults() == 0 {
            warnings.push(format!(
                "f is 0: with {} the ledger stops when one of them does, and a lie of one is not outvoted. 4 stand one fault.",
                count(after.validators, "validator", "validators")
            ));
        } else if after.faults() < before.faults() {
            warnings.push(format!(
                "f falls from {} to {}: fewer validators may fail.",
                before.faults(),
                after.faults()
            ));
        }
        if after.validators < before.validators {
            warnings.push(format!(
                "The number of validators falls from {} to {}.",
                before.validators, after.validators
            ));
        }
        if after.silent() == 0 {
            warnings.push(format!(
                "Every one of the {} must sign checkpoints and approve changes: one that is silent stops both, and nothing can be decided about it.",
                count(after.members, "member", "members")
            ));
        }
    }
    warnings.extend(voided(view, forecast, now));
    if let Change::PublishDefinition { definition } = &forecast.change {
        let epochs = view.trusted.epochs();
        let then = epochs.of(definition.activation_height);
        let ahead = then.saturating_sub(epochs.of(view.height));
        if ahead > EPOCHS_AHEAD_MAX {
            warnings.push(format!(
                "It is active only from height {} on, {ahead} epochs from now, and no further definition can be active before it: is the height right?",
                definition.activation_height
            ));
        }
    }
    let elsewhere = view
        .trusted
        .scheduled()
        .iter()
        .map(|committee| committee.height);
    let elsewhere: Vec<String> = elsewhere.map(|height| height.to_string()).collect();
    if forecast.change.is_of_membership() && !elsewhere.is_empty() {
        let heights = list(elsewhere);
        warnings.push(format!("Other changes of members are decided already, for height {heights}: `tegata-registry proposals` lists them. The numbers above include those that hold by then."));
    }
    warnings
}

/// Approvals that the change takes away from what still waits.
fn voided(view: &View, forecast: &Forecast, now: Timestamp) -> Option<String> {
    let parties = view.trusted.parties();
    let goes = |member: &Member| {
        let mut stay = forecast.after.members_in_force();
        !stay.any(|after| after.governance_key == member.governance_key)
    };
    let touched = view.proposals.iter().filter(|proposed| {
        let waits = view.standing(proposed, now) == Standing::Waits;
        waits
            && proposed.proposal.change != forecast.change
            && proposed.approvers(parties).any(goes)
    });
    let touched: Vec<String> = touched.map(|proposed| short(&proposed.id)).collect();
    let sentence = format!(
        "Approvals of what still waits become void: {}.",
        list(&touched)
    );
    (!touched.is_empty()).then_some(sentence)
}

/// What the holder of a key can do until the new one holds.
pub(super) fn compromise(rotation: &RotateArguments, effect: &str) -> Vec<String> {
    let name = plain(&rotation.name);
    let mut lines = vec![format!(
        "Until {effect} the old keys count. Ask the other members to approve at once."
    )];
    if rotation.consensus_key.is_some() {
        lines.push(format!("Who has the old consensus key can vote as {name} and keep its node from meeting the others: stop the node, or suspend the member. That is one fault of the f that the others stand."));
    }
    if rotation.cosigning_key.is_some() {
        lines.push(format!("Who has the old cosigning key can sign checkpoints as {name}, also of heights in the past: alone it is no quorum, and two that contradict each other are evidence (tegata-registry audit)."));
    }
    if rotation.governance_key.is_some() {
        lines.push(format!("Who has the old governance key can propose and approve as {name}: look at `tegata-registry proposals` and approve nothing of theirs."));
    }
    lines.push(
        "Old receipts and records stay valid; nothing has to be issued again for this.".to_owned(),
    );
    lines
}

/// Who agreed to a proposal, and who can still.
pub(super) fn approvals(page: &mut Page, parties: &Parties, proposed: &Proposed) {
    let agreed: Vec<&Member> = proposed.approvers(parties).collect();
    page.heading("Who agrees");
    page.row(
        "agree",
        format!(
            "{} of {} needed: {}",
            agreed.len(),
            parties.quorum(),
            list(agreed.iter().map(|member| &member.name))
        ),
    );
    let others = parties
        .members_in_force()
        .filter(|member| !agreed.contains(member));
    page.row("have not approved", list(others.map(|member| &member.name)));
    let void = proposed.approvals.len().saturating_sub(agreed.len());
    if void > 0 {
        page.row(
            "void",
            format!(
                "{}: by keys that are in force no more",
                count(void, "approval", "approvals")
            ),
        );
    }
}

/// How a proposal stands, in half a sentence.
pub(super) fn standing(view: &View, proposed: &Proposed, now: Timestamp) -> String {
    let parties = view.trusted.parties();
    match view.standing(proposed, now) {
        Standing::Waits => format!(
            "waits: {} of {} approvals, until {}{}",
            proposed.approvers(parties).count(),
            parties.quorum(),
            proposed.proposal.expires,
            if view.is_short_of_a_word(proposed) {
                "; enough agree since there are fewer members: one that has not approved yet decides it, or the same change proposed anew"
            } else {
                ""
            }
        ),
        Standing::Overtaken => {
            "waits, and cannot be adopted: another change of the same entry was decided since"
                .to_owned()
        }
        Standing::Lapsed => format!("expired at {}", proposed.proposal.expires),
        Standing::Decided(adoption) => format!(
            "adopted at height {}; holds from {} on",
            adoption.height,
            at(view, adoption.effect)
        ),
        Standing::Holds(adoption) => format!(
            "adopted at height {}; holds since height {}",
            adoption.height, adoption.effect
        ),
    }
}

/// A change in half a sentence, with what `update_member` is about.
pub(super) fn title(change: &Change, parties: &Parties) -> String {
    let Change::UpdateMember { member } = change else {
        return describe::title(change);
    };
    let Some(known) = parties
        .members()
        .iter()
        .find(|known| known.name == member.name)
    else {
        return describe::title(change);
    };
    let mut parts = Vec::new();
    for (changed, part) in [
        (known.consensus_key != member.consensus_key, "consensus key"),
        (known.cosigning_key != member.cosigning_key, "cosigning key"),
        (
            known.governance_key != member.governance_key,
            "governance key",
        ),
        (
            known.validator != member.validator,
            if member.validator {
                "becomes a validator"
            } else {
                "becomes an observer"
            },
        ),
        (known.role != member.role, "role"),
        (
            known.url != member.url || known.peer_address != member.peer_address,
            "address",
        ),
    ] {
        if changed {
            parts.push(part);
        }
    }
    if parts.is_empty() {
        return describe::title(change);
    }
    format!(
        "change the member {}: {}",
        plain(&member.name),
        parts.join(", ")
    )
}

/// Who takes part, with fingerprints to be compared.
pub(super) fn parties(page: &mut Page, view: &View) {
    let parties = view.trusted.parties();
    for member in parties.members() {
        let suspended = if member.suspended {
            "  (SUSPENDED)"
        } else {
            ""
        };
        page.heading(&format!("member  {}{suspended}", plain(&member.name)));
        describe::new_member(page, member);
    }
    for issuer in parties.issuers() {
        let retired = if issuer.retired { "  (RETIRED)" } else { "" };
        page.heading(&format!("issuer  {}{retired}", plain(issuer.id.as_str())));
        describe::new_issuer(page, issuer);
    }
    for verifier in parties.verifiers() {
        page.heading(&format!("verifier  {}", plain(verifier.id.as_str())));
        describe::registered_verifier(page, None, verifier);
    }
    for definition in parties.process_definitions() {
        page.heading(&format!(
            "process definition  version {}, active from height {}",
            definition.version, definition.activation_height
        ));
        let names = definition.steps.iter().map(|step| &step.name);
        page.bullet("", &list(names));
    }
    let strength = Strength::of(parties);
    page.heading("Together");
    page.bullet(
        "",
        &format!(
            "{} in force, {} decide and sign; {}, f = {}.",
            count(strength.members, "member", "members"),
            strength.quorum,
            count(strength.validators, "validator", "validators"),
            strength.faults()
        ),
    );
}
