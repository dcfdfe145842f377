//! What a test says of itself where it is not run as a whole.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

/// Says on the terminal that something was not tried.
pub fn skipped(why: &str) {
    say(&format!("SKIPPED: {}", why.trim_start_matches("SKIPPED: ")));
}

/// Says something on the terminal; the harness swallows what the macros print.
pub fn say(line: &str) {
    let line = format!("{line}\n");
    std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).unwrap();
}
