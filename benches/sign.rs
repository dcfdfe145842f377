//! What a signature costs, and what building the key for it would cost each time.
//!
//! `cargo bench` prints microseconds for each type of key. The agent keeps keys built because of
//! the last column (docs/performance.md).
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

use pimento::secret::private_key::PrivateKey;

const KINDS: [(&str, &str, u32); 6] = [
    ("ed25519", "256", 0),
    ("ecdsa", "256", 0),
    ("ecdsa", "384", 0),
    ("ecdsa", "521", 0),
    ("rsa", "2048", 4),
    ("rsa", "4096", 4),
];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    println!("{:<14} {:>10} {:>10}", "key", "sign, us", "build, us");
    for (kind, bits, flags) in KINDS {
        let file = folder.path().join(format!("{kind}-{bits}"));
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-b", bits, "-N", "", "-f"])
            .arg(&file)
            .status()
            .unwrap();
        assert!(made.success());
        let text = std::fs::read(&file).unwrap();
        let key = PrivateKey::parse(&text).unwrap();
        // The size of a login's signed data.
        let data = [7; 300];
        let sign = micros(|| drop(black_box(key.sign(black_box(&data), flags).unwrap())));
        let build = micros(|| drop(black_box(PrivateKey::parse(black_box(&text)).unwrap())));
        println!(
            "{:<14} {sign:>10.1} {build:>10.1}",
            format!("{kind}-{bits}")
        );
    }
}

/// The median of many slices, so that another program's burst does not count.
fn micros(mut work: impl FnMut()) -> f64 {
    let mut slices: Vec<f64> = (0..15)
        .map(|_| {
            let (began, mut times) = (Instant::now(), 0_u32);
            while began.elapsed() < Duration::from_millis(20) {
                work();
                times += 1;
            }
            began.elapsed().as_secs_f64() * 1e6 / f64::from(times)
        })
        .collect();
    slices.sort_by(f64::total_cmp);
    slices.get(slices.len() / 2).copied().unwrap()
}
