//! What a password costs a program that asks for it by `pimento-askpass`: the helper from its start
//! to its end, with the right answer from an agent whose window is open, beside `/bin/true`.
//!
//! `cargo bench --bench askpass` prints medians (docs/performance.md); `PIMENTO_ASKPASS` names another
//! helper than the one that was built with it.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[cfg(target_os = "linux")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() {
    let home = support::home::Home::new().await;
    let _agent = home.agent();
    home.sign_in();
    let ssh = home.path("ssh");
    assert!(std::fs::copy("/bin/bash", &ssh).unwrap() > 0);
    let password = home
        .emulator
        .change(|cloud| cloud.secret("kv-linux", "db01-root").unwrap().to_owned());
    let built = env!("CARGO_BIN_EXE_pimento-askpass");
    let helper = std::env::var("PIMENTO_ASKPASS").unwrap_or_else(|_| built.to_owned());
    let ask = || {
        let mut asks = home.command(&ssh);
        asks.args(["-c", SCRIPT, &helper, PROMPT]);
        let output = asks.output().unwrap();
        assert!(output.status.success());
        let told = String::from_utf8(output.stdout).unwrap();
        let mut told = told.lines();
        assert_eq!(told.next(), Some(password.as_str()));
        let times: Vec<i64> = told.map(|time| time.parse().unwrap()).collect();
        <[i64; 3]>::try_from(times).unwrap()
    };
    // The one that opens the window.
    ask();
    let times: Vec<[i64; 3]> = (0..120).map(|_| ask()).collect();
    println!(
        "/bin/true       {:>5} us",
        median(&times, |[a, b, _]| b - a)
    );
    println!(
        "pimento-askpass {:>5} us",
        median(&times, |[_, b, c]| c - b)
    );
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the shell has to be seen as the ssh that it plays, which is done on Linux");
}

/// What ssh would do. A process is answered once, so each answer has an ssh of its own: a shell by
/// that name, which takes the times so that starting it is in none of them.
#[cfg(target_os = "linux")]
const SCRIPT: &str = "began=${EPOCHREALTIME/./}; /bin/true; \
                      between=${EPOCHREALTIME/./}; \"$0\" \"$1\" || exit; \
                      ended=${EPOCHREALTIME/./}; printf '%s\\n' $began $between $ended";

#[cfg(target_os = "linux")]
const PROMPT: &str = "root@db01.contoso.com's password: ";

#[cfg(target_os = "linux")]
fn median(times: &[[i64; 3]], of: impl Fn([i64; 3]) -> i64) -> i64 {
    let mut times: Vec<i64> = times.iter().copied().map(of).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap()
}
