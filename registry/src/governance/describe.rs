//! A change in plain words.

use super::{
    forecast::{Forecast, Strength},
    keys::keys_of,
    plain::{Fingerprint, Page, list, plain},
};
use protocol::registry::{
    Issuer, KeyBytes, Member, MemberRole, Parties, ProcessDefinition, Verifier, governance::Change,
};

/// A change in half a sentence.
pub(super) fn title(change: &Change) -> String {
    match change {
        Change::AdmitMember { member } => format!("admit {} as a member", plain(&member.name)),
        Change::RemoveMember { name } => format!("remove the member {}", plain(name)),
        Change::SuspendMember { name } => format!("suspend the member {}", plain(name)),
        Change::ReinstateMember { name } => format!("reinstate the member {}", plain(name)),
        Change::UpdateMember { member } => {
            format!("change the entry of the member {}", plain(&member.name))
        }
        Change::RegisterIssuer { issuer } => {
            format!("register the issuer {}", plain(issuer.id.as_str()))
        }
        Change::RetireIssuer { id } => format!("retire the issuer {}", plain(id)),
        Change::RegisterVerifier { verifier } => {
            format!("register the verifier {}", plain(verifier.id.as_str()))
        }
        Change::RetireVerifier { id } => format!("retire the verifier {}", plain(id)),
        Change::PublishDefinition { definition } => {
            format!(
                "publish version {} of the process definition",
                definition.version
            )
        }
    }
}

/// What a change consists of, compared with the parties before it.
pub(super) fn content(page: &mut Page, change: &Change, before: &Parties) {
    match change {
        Change::AdmitMember { member } => {
            page.heading("The new member");
            new_member(page, member);
        }
        Change::UpdateMember { member } => {
            let known = before
                .members()
                .iter()
                .find(|known| known.name == member.name);
            page.heading("What changes");
            match known {
                Some(known) => changed_member(page, known, member),
                None => new_member(page, member),
            }
        }
        Change::RegisterIssuer { issuer } => match before.issuer(issuer.id.as_str()) {
            None => {
                page.heading("The new issuer");
                new_issuer(page, issuer);
            }
            Some(known) => {
                page.heading("What changes");
                changed_issuer(page, known, issuer);
            }
        },
        Change::RegisterVerifier { verifier } => {
            let known = before.verifier(verifier.id.as_str());
            page.heading(if known.is_some() {
                "What it may ask from then on"
            } else {
                "The new verifier"
            });
            registered_verifier(page, known, verifier);
        }
        Change::PublishDefinition { definition } => {
            let last = before.process_definitions().last();
            page.heading("The steps of a case from then on");
            published(page, last, definition);
        }
        Change::RemoveMember { .. }
        | Change::SuspendMember { .. }
        | Change::ReinstateMember { .. }
        | Change::RetireIssuer { .. }
        | Change::RetireVerifier { .. } => {}
    }
}

const fn role(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Consortium => "consortium",
        MemberRole::Company => "company",
        MemberRole::Notary => "notary",
    }
}

const fn vote(validator: bool) -> &'static str {
    if validator {
        "validator: votes on blocks"
    } else {
        "observer: checks and signs, does not vote"
    }
}

pub(super) fn new_member(page: &mut Page, member: &Member) {
    page.row("role", role(member.role));
    page.row("vote", vote(member.validator));
    page.row("node", plain(member.url.as_str()));
    page.row("meets the others at", plain(&member.peer_address));
    for (kind, key) in keys_of(member) {
        page.row(kind, Fingerprint(&key));
    }
}

fn changed_member(page: &mut Page, known: &Member, member: &Member) {
    changed(page, "role", role(known.role), role(member.role));
    changed(page, "vote", vote(known.validator), vote(member.validator));
    changed(page, "node", known.url.as_str(), member.url.as_str());
    changed(
        page,
        "meets the others at",
        &known.peer_address,
        &member.peer_address,
    );
    for ((kind, old), (_, new)) in keys_of(known).into_iter().zip(keys_of(member)) {
        changed_key(page, kind, &old, &new);
    }
}

fn changed(page: &mut Page, name: &str, old: &str, new: &str) {
    if old != new {
        page.row(name, plain(old));
        page.row("", format!("-> {}", plain(new)));
    }
}

fn changed_key(page: &mut Page, name: &str, old: &KeyBytes, new: &KeyBytes) {
    changed(
        page,
        name,
        &Fingerprint(old).to_string(),
        &Fingerprint(new).to_string(),
    );
}

pub(super) fn new_issuer(page: &mut Page, issuer: &Issuer) {
    page.row("name", plain(&issuer.name));
    page.row("of the member", plain(&issuer.member));
    page.row("record key", Fingerprint(&issuer.record_key));
    page.row("application key", Fingerprint(&issuer.application_key));
    page.row("certificate anchors", issuer.trust_anchors.len());
    page.row("keys without a chain", issuer.jwks.keys.len());
}

fn changed_issuer(page: &mut Page, known: &Issuer, issuer: &Issuer) {
    changed(page, "name", &known.name, &issuer.name);
    changed(page, "of the member", &known.member, &issuer.member);
    changed_key(page, "record key", &known.record_key, &issuer.record_key);
    changed_key(
        page,
        "application key",
        &known.application_key,
        &issuer.application_key,
    );
    let set =
        |kept: usize, of: usize, new: usize| format!("{kept} of {of} stay, {} new", new - kept);
    if known.trust_anchors != issuer.trust_anchors {
        let kept = issuer
            .trust_anchors
            .iter()
            .filter(|anchor| known.trust_anchors.contains(anchor));
        page.row(
            "certificate anchors",
            set(
                kept.count(),
                known.trust_anchors.len(),
                issuer.trust_anchors.len(),
            ),
        );
    }
    if known.jwks != issuer.jwks {
        let kept = issuer
            .jwks
            .keys
            .iter()
            .filter(|key| known.jwks.keys.contains(key));
        page.row(
            "keys without a chain",
            set(kept.count(), known.jwks.keys.len(), issuer.jwks.keys.len()),
        );
    }
    if known.retired {
        page.row("retired", "-> issues again");
    }
}

pub(super) fn registered_verifier(page: &mut Page, known: Option<&Verifier>, verifier: &Verifier) {
    match known {
        None => {
            page.row("name", plain(&verifier.name));
            page.row("of the member", plain(&verifier.member));
            page.row("answers at", plain(verifier.url.as_str()));
            page.row("certificate anchors", verifier.trust_anchors.len());
        }
        Some(known) => {
            changed(page, "name", &known.name, &verifier.name);
            changed(page, "of the member", &known.member, &verifier.member);
            changed(
                page,
                "answers at",
                known.url.as_str(),
                verifier.url.as_str(),
            );
            if known.trust_anchors != verifier.trust_anchors {
                page.row("certificate anchors", "other ones");
            }
        }
    }
    for purpose in &verifier.purposes {
        let before =
            known.and_then(|known| known.purposes.iter().find(|before| before.id == purpose.id));
        let mark = match before {
            None => "+",
            Some(before) if before == purpose => "=",
            Some(_) => "~",
        };
        page.bullet(
            mark,
            &format!(
                "purpose {}: {}",
                plain(&purpose.id),
                list(purpose.text.values())
            ),
        );
        for claim in &purpose.claims {
            let new = before.is_some_and(|before| !before.claims.contains(claim));
            let path = serde_json::to_string(claim).unwrap_or_default();
            page.line(format!(
                "      {} {}",
                if new { "+" } else { " " },
                plain(&path)
            ));
        }
        for gone in before
            .iter()
            .flat_map(|before| &before.claims)
            .filter(|claim| !purpose.claims.contains(claim))
        {
            let path = serde_json::to_string(gone).unwrap_or_default();
            page.line(format!("      - {}", plain(&path)));
        }
    }
    let gone = known.iter().flat_map(|known| &known.purposes);
    for purpose in gone.filter(|before| {
        verifier
            .purposes
            .iter()
            .all(|purpose| purpose.id != before.id)
    }) {
        page.bullet("-", &format!("purpose {}", plain(&purpose.id)));
    }
}

fn published(page: &mut Page, last: Option<&ProcessDefinition>, definition: &ProcessDefinition) {
    for step in &definition.steps {
        let before = last.and_then(|last| last.step(step.code));
        let mark = match before {
            None => "+",
            Some(before) if before == step => "=",
            Some(_) => "~",
        };
        let after = step.after.iter().filter_map(|code| definition.step(*code));
        let after = list(after.map(|step| &step.name));
        let when = if after.is_empty() {
            "opens the case".to_owned()
        } else {
            format!("after {after}")
        };
        let end = if step.terminal { "; ends the case" } else { "" };
        page.bullet(
            mark,
            &format!("{} {}: {when}{end}", step.code, plain(&step.name)),
        );
    }
    let gone = last.iter().flat_map(|last| &last.steps);
    for step in gone.filter(|before| definition.step(before.code).is_none()) {
        page.bullet("-", &format!("{} {}", step.code, plain(&step.name)));
    }
    page.line("  (+ new, ~ changed, = as in the version before, - gone)");
}

/// Who votes and decides, now and then.
pub(super) fn strength(page: &mut Page, now: &Parties, after: &Parties) {
    let (one, two) = (Strength::of(now), Strength::of(after));
    page.heading("Who takes part");
    page.compared("", "now", "then");
    page.compared("members in force", one.members, two.members);
    page.compared(
        "that must approve and sign (quorum)",
        one.quorum,
        two.quorum,
    );
    page.compared("  may be silent", one.silent(), two.silent());
    page.compared("validators", one.validators, two.validators);
    page.compared("  that must vote for a block", one.votes, two.votes);
    page.compared("  may fail or lie (f)", one.faults(), two.faults());
    let names = |parties: &Parties| {
        let members = parties.members_in_force().filter(|member| member.validator);
        list(members.map(|member| &member.name))
    };
    if names(now) == names(after) {
        page.bullet("", &format!("These vote as before: {}", names(now)));
    } else {
        page.bullet("", &format!("These vote then: {}", names(after)));
    }
}

/// What stops working when the change holds, and what does not.
pub(super) fn consequences(forecast: &Forecast) -> Vec<String> {
    let before = &forecast.before;
    let member = |name: &str| before.members().iter().find(|member| member.name == name);
    match &forecast.change {
        Change::AdmitMember { member } => vec![
            format!("The node of {} must run by then; what it signs counts from then on, and is missed where it does not run.", plain(&member.name)),
        ],
        Change::RemoveMember { name } => vec![
            format!("The node of {0} neither votes nor signs any more, and {0} approves nothing. What it signed before stays valid.", plain(name)),
            "Its keys should be destroyed: with enough old keys somebody could sign another past.".to_owned(),
        ],
        Change::SuspendMember { name } => {
            let mut lines = vec![format!(
                "The node of {0} neither votes nor signs, and {0} approves nothing, until it is reinstated. What it signed before stays valid.", plain(name)
            )];
            lines.extend(still_registered(name, before));
            lines
        }
        Change::ReinstateMember { name } => vec![format!("The node of {} must run by then.", plain(name))],
        Change::UpdateMember { member: new } => member(&new.name).map_or_else(Vec::new, |old| updated(old, new)),
        Change::RegisterIssuer { issuer } => match before.issuer(issuer.id.as_str()) {
            None => vec!["Nothing stops. Wallets and verifiers accept its credentials from then on.".to_owned()],
            Some(known) => replaced_issuer(known, issuer),
        },
        Change::RetireIssuer { .. } => vec![
            "It records no further batch of credentials and no further step of a case; open cases stay open for ever.".to_owned(),
            "It still revokes credentials and erases evidence, and what it issued before can still be checked.".to_owned(),
        ],
        Change::RegisterVerifier { verifier } => match before.verifier(verifier.id.as_str()) {
            None => vec!["Nothing stops. Wallets answer its requests from then on.".to_owned()],
            Some(_) => vec!["Requests for a purpose or claim that is gone, or signed under a certificate anchor that is gone, are refused by wallets.".to_owned()],
        },
        Change::RetireVerifier { .. } => vec![
            "Wallets refuse its requests. Applications that were sent to it before can still be answered.".to_owned(),
        ],
        Change::PublishDefinition { definition } => published_consequences(before, definition, forecast.timing.effect),
    }
}

fn still_registered(name: &str, parties: &Parties) -> Option<String> {
    let issuers = parties
        .issuers()
        .iter()
        .filter(|issuer| issuer.member == name && !issuer.retired);
    let verifiers = parties
        .verifiers()
        .iter()
        .filter(|verifier| verifier.member == name);
    let issuers = issuers.map(|issuer| issuer.id.as_str());
    let ids: Vec<&str> = issuers
        .chain(verifiers.map(|verifier| verifier.id.as_str()))
        .collect();
    let sentence = format!(
        "Its issuers and verifiers go on: {}. Retire them as well if they are to stop.",
        list(&ids)
    );
    (!ids.is_empty()).then_some(sentence)
}

fn updated(old: &Member, new: &Member) -> Vec<String> {
    let name = plain(&new.name);
    let mut lines = Vec::new();
    if old.consensus_key != new.consensus_key {
        lines.push(format!("The node of {name} votes and meets the others with the new consensus key alone: it must have it by then (next_consensus_key in node.toml)."));
    }
    if old.cosigning_key != new.cosigning_key {
        lines.push(format!("What {name} signs with the old cosigning key for later heights does not count; what it signed before stays valid. Destroy the old key then."));
    }
    if old.governance_key != new.governance_key {
        lines.push("The old governance key decides nothing any more, and its approvals of what still waits are void: approve again with the new key.".to_owned());
    }
    if old.validator && !new.validator {
        lines.push(format!(
            "{name} does not vote on blocks any more; it checks, signs and decides as before."
        ));
    }
    if !old.validator && new.validator {
        lines.push(format!("{name} votes on blocks: its node must run."));
    }
    if old.url != new.url {
        lines.push(
            "Readers that know the old address of the node alone do not reach it any more."
                .to_owned(),
        );
    }
    if old.peer_address != new.peer_address {
        lines.push(format!("The other nodes look for {name} at the new address from then on, and not at the old one."));
    }
    lines
}

fn replaced_issuer(known: &Issuer, issuer: &Issuer) -> Vec<String> {
    let mut lines = Vec::new();
    if known.record_key != issuer.record_key {
        lines.push("Records signed with the old record key are refused, also those that were sent and not recorded. Sequences, lists and cases go on with the new key.".to_owned());
    }
    if known.application_key != issuer.application_key {
        lines.push("Applications are encrypted to the new key. The old one is needed until those under way are read.".to_owned());
    }
    let keeps_anchors = known
        .trust_anchors
        .iter()
        .all(|anchor| issuer.trust_anchors.contains(anchor));
    let keeps_keys = known
        .jwks
        .keys
        .iter()
        .all(|key| issuer.jwks.keys.contains(key));
    if !(keeps_anchors && keeps_keys) {
        lines.push("Credentials signed under the keys or anchors that are gone are refused everywhere, also those issued before.".to_owned());
    }
    if lines.is_empty() {
        lines.push("Nothing stops.".to_owned());
    }
    lines
}

fn published_consequences(
    before: &Parties,
    definition: &ProcessDefinition,
    effect: u64,
) -> Vec<String> {
    let active = definition.activation_height.max(effect);
    let mut lines = vec![format!(
        "It is active from height {active} on: steps of the version before are refused from there, in open cases too; issuers sign them anew by themselves."
    )];
    let last = before.process_definitions().last();
    let gone = last
        .iter()
        .flat_map(|last| &last.steps)
        .filter(|step| definition.step(step.code).is_none());
    let gone = list(gone.map(|step| &step.name));
    if !gone.is_empty() {
        lines.push(format!("These steps cannot be done any more: {gone}."));
    }
    lines.push("An open case that has not done a step that is required from then on must do it before it goes on.".to_owned());
    lines
}
