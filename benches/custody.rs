//! What a warm login costs by a key that pimento holds, and by one that stays in its vault, which
//! takes 50 ms for an answer: real `ssh` and `sshd`, in turn.
//!
//! `cargo bench --bench custody` prints medians (docs/performance.md).
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[cfg(target_os = "linux")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() {
    use std::time::{Duration, Instant};

    use jiff::SignedDuration;
    use pimento::emulator::World as Cloud;
    use pimento::emulator::scenario::Fault;

    let world = support::World::plan().vault_key("ec-p256").start().await;
    world.fault(Fault {
        operation: "vault.key.sign".to_owned(),
        delay: SignedDuration::from_millis(LATENCY),
        ..Fault::default()
    });
    // Both of P-256; the first ones open the window.
    let kinds = [("in the vault", "web"), ("in memory", "legacy")];
    for (_, key) in kinds {
        world.ssh(key).await.assert_ok();
    }
    world.emulator.change(Cloud::reset_counts);
    let mut took: [Vec<Duration>; 2] = Default::default();
    for _ in 0..LOGINS {
        for ((_, key), took) in kinds.iter().zip(&mut took) {
            let began = Instant::now();
            world.ssh(key).await.assert_ok();
            took.push(began.elapsed());
        }
    }
    for ((what, _), took) in kinds.iter().zip(&mut took) {
        took.sort_unstable();
        let median = took.get(took.len() / 2).unwrap();
        println!("{what:<12} {:>6.1} ms", median.as_secs_f64() * 1000.0);
    }
    let calls = world.calls().len();
    println!("{calls} requests to the vault in {LOGINS} logins of each, {LATENCY} ms each");
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("sshd is started on Linux");
}

#[cfg(target_os = "linux")]
const LATENCY: i64 = 50;

#[cfg(target_os = "linux")]
const LOGINS: usize = 61;
