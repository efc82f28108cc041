//! Who can tell the company from the traffic. The figures of the whole run: `cargo traffic -- --applications 1000`.

use tests::traffic::{Plan, RIGHT_MAX, Transport, run};

fn share(transport: Transport, applications: usize) -> anyhow::Result<f64> {
    let plan = Plan {
        transport,
        applications,
        // A quarter of the cells that nodes send: dummies cost time and change nothing here.
        cells: 2,
        seed: 1,
    };
    Ok(run(&plan)?.share())
}

#[test]
fn item_3a_two_lying_nodes_guess_the_company_no_better_than_chance() -> anyhow::Result<()> {
    let share = share(Transport::Cascade, 400)?;
    assert!(share <= RIGHT_MAX, "right in {share}");
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
        let share = share(without, 100)?;
        assert!(share > RIGHT_MAX, "{without:?}: right in {share} only");
    }
    Ok(())
}
