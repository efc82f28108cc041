//! What the tool makes of several decisions.

use super::*;

fn update(n: u8, edit: impl Fn(&mut Member)) -> Change {
    let mut member = Network::member(n);
    edit(&mut member);
    Change::UpdateMember { member }
}

fn observer(n: u8) -> Change {
    update(n, |member| member.validator = false)
}

fn rotation(n: u8) -> Change {
    update(n, |member| {
        member.cosigning_key = Network::member(9).cosigning_key
    })
}

/// Organisations come at heights 5,000 and 2,000, member 2 is suspended before its new key holds, and member 3 becomes an
/// observer before its address changes: what was decided first holds last.
fn crossed() -> World {
    let mut world = World::new();
    world.decide_for(5_000, Network::admission(4));
    world.decide(Network::admission(5));
    world.decide_for(5_000, rotation(2));
    world.decide(suspend(2));
    let moved = update(3, |member| {
        member.peer_address = "127.0.0.1:7777".to_owned()
    });
    world.decide_for(5_000, moved);
    world.decide(observer(3));
    world.apply_at(2_500, world.network.event(1, 0, 1));
    world
}

#[test]
fn decisions_for_later_and_for_sooner_are_shown_together() {
    let world = crossed();
    let view = world.view();
    assert!(view.is_complete());
    for height in [2_500, 4_999, 5_000, 9_000] {
        let members = world.state.parties_at(height).members();
        assert_eq!(view.parties_at(height).unwrap().members(), members);
    }
    let foreseen = forecast(&view, &Network::admission(6));
    assert_eq!(foreseen.before, **world.state.parties_at(4_000));
    assert_eq!(foreseen.last, **world.state.parties_at(5_000));
}

#[test]
fn a_crossed_decision_that_is_left_out_is_found_out() {
    let view = crossed().view();
    let mut missed = 0;
    for left_out in &view.proposals {
        let mut view = crossed().view();
        view.proposals.retain(|known| known.id != left_out.id);
        missed += usize::from(!view.is_complete());
    }
    // Of two nothing is left to be seen: one holds already, and another one was undone by a later one.
    assert_eq!(missed, 4);
}

#[test]
fn two_decisions_in_one_block_are_shown_in_their_order() {
    let mut world = World::new();
    let proposals = [4, 5].map(|n| world.propose(0, Network::admission(n)));
    for proposal in proposals {
        world.approve(1, proposal);
    }
    let block = world.height + 1;
    for proposal in [proposals[1], proposals[0]] {
        let approval = Body::Approval(Approval { proposal });
        world.apply_at(block, world.sign(2, approval));
    }
    let view = world.view();
    assert!(view.is_complete());
    assert_eq!(
        view.parties_at(2_000).unwrap(),
        **world.state.parties_at(2_000)
    );
}

#[test]
fn issuers_that_change_at_several_heights_are_shown_as_the_ledger_has_them() {
    let mut world = World::new();
    let known = world.state.parties_at(0).issuers()[0].clone();
    let named = |name: &str| {
        let issuer = protocol::registry::Issuer {
            name: name.to_owned(),
            ..known.clone()
        };
        Change::RegisterIssuer { issuer }
    };
    world.decide_for(5_000, named("later"));
    world.decide(named("sooner"));
    world.decide_for(6_000, Network::admission(4));
    world.apply(world.network.event(1, 0, 1));
    let view = world.view();
    for height in [20, 5_000, 6_000] {
        assert_eq!(
            view.parties_at(height).unwrap(),
            **world.state.parties_at(height)
        );
    }
}

#[test]
fn a_forecast_is_another_one_when_the_entry_was_changed_while_somebody_read() {
    let mut world = World::new();
    world.propose(0, observer(1));
    let read = forecast(&world.view(), &observer(1));
    world.apply(world.network.event(1, 0, 1));
    assert!(forecast(&world.view(), &observer(1)).is_as_before(&read));
    world.decide(rotation(1));
    assert!(!forecast(&world.view(), &observer(1)).is_as_before(&read));
    // The block of a change that is none of members makes no difference, an epoch of one that is does.
    let definition = {
        let mut next = world.view().trusted.parties().process_definitions()[0].clone();
        next.version = 2;
        Change::PublishDefinition { definition: next }
    };
    let [published, admitted] =
        [&definition, &Network::admission(4)].map(|change| forecast(&world.view(), change));
    world.apply_at(1_000, world.network.event(2, 0, 1));
    assert!(forecast(&world.view(), &definition).is_as_before(&published));
    assert!(!forecast(&world.view(), &Network::admission(4)).is_as_before(&admitted));
}

#[test]
fn a_proposal_that_another_decision_overtook_is_told_and_may_be_proposed_anew() {
    let mut world = World::new();
    let waiting = world.propose(0, observer(1));
    world.propose(3, suspend(1));
    assert!(world.view().waiting(&observer(1), NOW).is_some());
    world.decide(rotation(1));
    let view = world.view();
    let proposed = view.proposal(&waiting.to_string()).unwrap();
    assert_eq!(view.standing(proposed, NOW), Standing::Overtaken);
    assert!(preview::standing(&view, proposed, NOW).contains("cannot be adopted"));
    assert!(view.waiting(&observer(1), NOW).is_none());
    assert!(
        view.waiting(&suspend(1), NOW).is_some(),
        "it holds of any entry"
    );
}

#[test]
fn a_proposal_on_which_enough_agree_since_there_are_fewer_members_may_be_proposed_anew() {
    let mut world = World::of(5);
    let waiting = world.propose(0, Network::admission(6));
    for by in [1, 2] {
        world.approve(by, waiting);
    }
    let id = world.decide(suspend(4));
    world.approve(3, id);
    let before = world.view();
    assert!(before.waiting(&Network::admission(6), NOW).is_some());
    world.apply_at(2_000, world.network.event(1, 0, 1));
    let view = world.view();
    let proposed = view.proposal(&waiting.to_string()).unwrap();
    let line = preview::standing(&view, proposed, NOW);
    assert!(
        line.contains("waits: 3 of 3") && line.contains("proposed anew"),
        "{line}"
    );
    assert!(view.waiting(&Network::admission(6), NOW).is_none());
    // The one that has not approved yet decides it.
    world.approve(3, waiting);
    assert_eq!(world.state.adopted().count(), 2);
}

#[test]
fn a_definition_for_a_height_that_is_far_away_is_warned_of() {
    let view = World::new().view();
    let mut next = view.trusted.parties().process_definitions()[0].clone();
    next.version = 2;
    for (active_from, is_far) in [(10_999, false), (11_000, true)] {
        next.activation_height = active_from;
        let change = Change::PublishDefinition {
            definition: next.clone(),
        };
        let text = page(&view, &forecast(&view, &change));
        assert_eq!(text.contains("is the height right?"), is_far, "{text}");
    }
}
