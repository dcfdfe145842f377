//! What an agent does that nobody asks anything: how often its threads are woken, and how much memory it
//! has, in a quarter of an hour or in as many seconds as the first argument says.
//!
//! `cargo bench --bench idle [-- SECONDS]` (docs/performance.md).
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[cfg(target_os = "linux")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() {
    use std::time::Duration;

    let seconds = std::env::args()
        .find_map(|it| it.parse().ok())
        .unwrap_or(900);
    let home = support::home::Home::new().await;
    let agent = home.agent();
    assert!(home.ssh_add().status.success());
    // What the start and the listing have left to do is done by then.
    std::thread::sleep(Duration::from_secs(5));
    let (before, pid) = (switches(agent.0.id()), agent.0.id());
    std::thread::sleep(Duration::from_secs(seconds));
    println!("woken {} times in {seconds} s", switches(pid) - before);
    for line in read(pid, "smaps_rollup").lines() {
        if line.starts_with("Pss:") || line.starts_with("Private_Dirty:") {
            println!("{line}");
        }
    }
}

/// How often the threads of a process have been put on a processor.
#[cfg(target_os = "linux")]
fn switches(pid: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let counted = threads.map(|thread| {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        let counts = status
            .lines()
            .filter(|line| line.contains("ctxt_switches:"));
        counts
            .map(|line| {
                line.split_whitespace()
                    .last()
                    .unwrap()
                    .parse::<u64>()
                    .unwrap()
            })
            .sum::<u64>()
    });
    counted.sum()
}

#[cfg(target_os = "linux")]
fn read(pid: u32, name: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("/proc is found on Linux");
}
