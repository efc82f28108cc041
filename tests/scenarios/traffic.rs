//! Who can tell the company from the traffic. The figures of the whole run: `cargo traffic -- --applications 1000`.

use tests::traffic::{Findings, Plan, RIGHT_MAX, Transport, run};

fn findings(transport: Transport, applications: usize) -> anyhow::Result<Findings> {
    let plan = Plan {
        transport,
        applications,
        // A quarter of the cells that nodes send: dummies cost time and change nothing here.
        cells: 2,
        seed: 1,
    };
    run(&plan)
}

#[test]
fn item_3a_two_lying_nodes_guess_the_company_no_better_than_chance() -> anyhow::Result<()> {
    let found = findings(Transport::Cascade, 400)?;
    assert!(found.share() <= RIGHT_MAX, "{found:?}");
    assert_eq!(found.followed, 0, "no outcome was followed");
    assert_eq!(found.named, 0, "no message names a member");
    Ok(())
}

#[test]
fn item_3a_the_guesses_are_better_without_any_part_of_the_transport() -> anyhow::Result<()> {
    for without in [
        Transport::OneNode,
        Transport::WithoutDummies,
        Transport::WithoutSlots,
        Transport::OtherNode,
        Transport::OwnNode,
    ] {
        let found = findings(without, 100)?;
        assert!(found.share() > RIGHT_MAX, "{without:?}: {found:?} only");
    }
    Ok(())
}
