//! `pimento run` on a terminal: what the command sees of it, and what reaches it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use support::home::text;
use support::ready::Ready;

const MASK: &str = "<masked by pimento>";

/// On a terminal that `script` makes: what is typed there once something has been seen.
fn on_a_terminal(ready: &Ready, options: &str, command: &str, typed: &[(&str, &str)]) -> String {
    let pimento = env!("CARGO_BIN_EXE_pimento");
    let line = format!("stty rows 33 cols 77; exec {pimento} run {options} -- sh -c '{command}'");
    // Whoever runs the tests may ignore signals, which a child inherits.
    let mut script = std::process::Command::new("env");
    script
        .args(["--default-signal", "script"])
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env("SHELL", "/bin/sh");
    let usual = ready.command(&[]);
    for (name, value) in usual.get_envs() {
        script.env(name, value.unwrap());
    }
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = script.spawn().unwrap();
    let mut stdin = script.stdin.take().unwrap();
    let mut stdout = BufReader::new(script.stdout.take().unwrap());
    let mut seen = Vec::new();
    for (mark, keys) in typed {
        while !text(&seen).contains(mark) {
            let read = stdout.read_until(b'\n', &mut seen).unwrap();
            assert!(read > 0, "{}", text(&seen));
        }
        stdin.write_all(keys.as_bytes()).unwrap();
    }
    stdout.read_to_end(&mut seen).unwrap();
    let code = script.wait().unwrap().code();
    format!("{}[{code:?}]", text(&seen))
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_the_command_has_one_too_and_is_masked() {
    let ready = Ready::new().await;
    let look = "test -t 1 && test -t 2 && echo both; stty size <&1; echo go on; read line; \
                echo \"$line $DB\"; exit 5";
    let typed = [("go on", "typed\n")];
    let seen = on_a_terminal(&ready, "", look, &typed);
    assert!(seen.contains("both\r\n33 77\r\ngo on\r\n"), "{seen:?}");
    assert!(seen.contains(&format!("typed {MASK}\r\n")), "{seen:?}");
    assert!(seen.ends_with("[Some(5)]"), "{seen:?}");
    assert!(!seen.contains(&ready.canary), "{seen:?}");
    let resized = "stty rows 40 cols 90; for i in $(seq 400); do test \"$(stty size <&1)\" = \"40 90\" \
                   && break; sleep 0.05; done; echo go on; stty size <&1";
    let seen = on_a_terminal(&ready, "", resized, &[]);
    assert!(seen.contains("go on\r\n40 90\r\n"), "{seen:?}");
    let seen = on_a_terminal(&ready, "--no-masking", look, &typed);
    assert!(
        seen.contains(&format!("typed {}", ready.canary)),
        "{seen:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_reaches_the_command_once() {
    let ready = Ready::new().await;
    let count = "n=0; trap \"n=\\$((n+1)); echo caught\" INT; echo go on; \
                 until test \"$line\" = end; do read line; done; echo $n times; exit 6";
    let seen = on_a_terminal(&ready, "", count, &[("go on", "\x03"), ("caught", "end\n")]);
    assert!(seen.contains("1 times"), "{seen:?}");
    assert!(seen.ends_with("[Some(6)]"), "{seen:?}");
    let typed = [("go on", "\x03")];
    let seen = on_a_terminal(&ready, "", "echo go on; exec cat", &typed);
    assert!(seen.ends_with("[Some(130)]"), "{seen:?}");
}
