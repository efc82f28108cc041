//! A small figure of each fault of real nodes; `cargo faults` runs any other.

use std::path::PathBuf;
use std::sync::OnceLock;

use tests::faults::{self, Outcome, Settings};
use tests::sandbox::Programs;
use tokio::sync::Mutex;

/// Networks share the processors: one at a time.
static TURN: Mutex<()> = Mutex::const_new(());

fn settings(times: usize) -> anyhow::Result<Settings> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = match PROGRAM.get() {
        Some(program) => program.clone(),
        None => {
            let built = Programs::build()?.registry();
            PROGRAM.get_or_init(|| built).clone()
        }
    };
    Ok(Settings {
        program,
        times,
        nodes: 4,
        clients: 4,
        seed: 1,
    })
}

fn assert_holds(outcome: &Outcome) {
    println!("{outcome}");
    assert!(outcome.holds(), "{outcome}");
}

#[tokio::test]
async fn n3_n4_n10_nodes_killed_at_random_and_while_they_acknowledge_lose_nothing()
-> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    assert_holds(&faults::kills(&settings(5)?).await?);
    Ok(())
}

#[tokio::test]
async fn n3_a_whole_network_that_loses_power_loses_no_record_with_a_receipt() -> anyhow::Result<()>
{
    let _turn = TURN.lock().await;
    assert_holds(&faults::cluster_kills(&settings(2)?).await?);
    Ok(())
}

#[tokio::test]
async fn n1_n10_a_divided_network_has_one_ledger_and_goes_on_where_a_quorum_is()
-> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    assert_holds(&faults::partitions(&settings(7)?).await?);
    Ok(())
}

#[tokio::test]
async fn n1_n10_nodes_that_stand_still_and_go_on_do_no_harm() -> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    assert_holds(&faults::pauses(&settings(2)?).await?);
    Ok(())
}

#[tokio::test]
async fn n3_n10_a_node_whose_disk_was_full_comes_back_without_repair() -> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    assert_holds(&faults::disks(&settings(1)?).await?);
    Ok(())
}

#[tokio::test]
async fn n3_n9_a_node_with_an_old_copy_of_its_disk_follows_and_makes_no_other_ledger()
-> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    assert_holds(&faults::images(&settings(1)?).await?);
    Ok(())
}

#[tokio::test]
async fn n1_n9_a_second_instance_refuses_the_same_data_and_makes_no_other_ledger_with_a_copy()
-> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    assert_holds(&faults::twins(&settings(1)?).await?);
    Ok(())
}

#[tokio::test]
async fn n1_n10_nodes_exchanged_one_at_a_time_lose_no_submission() -> anyhow::Result<()> {
    let _turn = TURN.lock().await;
    let settings = settings(1)?;
    let folder = tempfile::tempdir()?;
    let other = folder.path().join("tegata-registry");
    std::fs::copy(&settings.program, &other)?;
    assert_holds(&faults::upgrades(&settings, &other).await?);
    Ok(())
}
