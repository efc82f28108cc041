//! What Linux says of this process, from `/proc/self`; what it does not say is left out.

use std::fs;

use protocol::Timestamp;

use super::Exposition;

/// Linux counts the time of processes for its users in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn measure(started: Timestamp, to: &mut Exposition) {
    to.gauge(
        "process_start_time_seconds",
        "When the process began, in seconds since 1970.",
        started.as_unix(),
    );
    if let Some(seconds) = fs::read_to_string("/proc/self/stat")
        .ok()
        .and_then(|stat| cpu_seconds(&stat))
    {
        let help = "Processor time of the process.";
        to.counter("process_cpu_seconds_total", help, seconds);
    }
    if let Some(bytes) = fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| resident_bytes(&status))
    {
        let help = "Memory that the process has in the machine.";
        to.gauge("process_resident_memory_bytes", help, bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        to.gauge(
            "process_open_fds",
            "Open files and connections.",
            open.count(),
        );
    }
}

/// Fields 14 and 15, of which the name in field 2 may hold spaces and brackets.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_name, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_time_is_read_past_an_odd_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 1 0 1 1 1";
        assert_eq!(cpu_seconds(stat), Some(2.0));
    }

    #[test]
    fn this_process_has_memory_and_open_files() {
        let mut to = Exposition::default();
        measure(Timestamp::from_unix(5), &mut to);
        let text = to.into_text();
        assert!(text.contains("process_start_time_seconds 5\n"), "{text}");
        for name in [
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
            "process_open_fds",
        ] {
            assert!(text.contains(&format!("\n{name} ")), "{text}");
        }
    }
}
