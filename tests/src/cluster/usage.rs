//! What a process uses, as the system counts it: `proc(5)`.

use std::time::Duration;

use anyhow::Context;

/// Clock ticks of `/proc/PID/stat` in a second: fixed at 100 on Linux for everyone who asks.
const TICKS_PER_SECOND: u64 = 100;

/// What a process uses now.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Processor time since it started, in user and system mode.
    pub cpu: Duration,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub files: usize,
}

/// Asks the system.
pub fn of_process(id: u32) -> anyhow::Result<Usage> {
    let folder = format!("/proc/{id}");
    let status = std::fs::read_to_string(format!("{folder}/status")).context("reading status")?;
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|value| value.split_whitespace().next())
        .context("status has no VmRSS")?;
    Ok(Usage {
        cpu: time(ticks(id, 2)?),
        resident_bytes: resident.parse::<u64>()? * 1024,
        files: std::fs::read_dir(format!("{folder}/fd"))?.count(),
    })
}

/// Processor time of a process, of its children, and of those of them that have ended.
pub fn of_tree(id: u32) -> anyhow::Result<Duration> {
    let mut ticks = ticks(id, 4)?;
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
    for child in children.split_whitespace() {
        // One that ends in between is counted with its parent the next time.
        ticks += self::ticks(child.parse()?, 2).unwrap_or(0);
    }
    Ok(time(ticks))
}

/// Processor time of this process's children that have ended.
pub fn of_ended_children() -> anyhow::Result<Duration> {
    let own = std::process::id();
    Ok(time(ticks(own, 4)?.saturating_sub(ticks(own, 2)?)))
}

/// Time in user and in system mode; with 4 instead of 2, also that of ended children.
fn ticks(id: u32, fields: usize) -> anyhow::Result<u64> {
    let stat = after_the_name(id)?;
    let fields = stat.split_whitespace().skip(11).take(fields);
    fields.map(|ticks| Ok(ticks.parse::<u64>()?)).sum()
}

const fn time(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND)
}

/// Whether a process was stopped by a signal and not continued.
pub fn is_stopped(id: u32) -> anyhow::Result<bool> {
    Ok(after_the_name(id)?.trim_start().starts_with('T'))
}

/// The fields of `/proc/PID/stat` from the state on.
fn after_the_name(id: u32) -> anyhow::Result<String> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).context("reading stat")?;
    // The program's name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').context("stat has a name")?;
    Ok(fields.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_open_files() {
        let usage = of_process(std::process::id()).unwrap();
        assert!(usage.resident_bytes > 1 << 20 && usage.files >= 3);
        assert!(!is_stopped(std::process::id()).unwrap());
    }
}
