//! Which program asks, and where.

use super::*;

/// A desktop that asks with `program` if the agent's own environment has these variables.
fn named(program: &Path, more: &[(&str, &str)]) -> Desktop {
    let mut own = vec![("SSH_ASKPASS", program.to_str().unwrap())];
    own.extend(more);
    desktop(settings(), &own, Arc::new(SystemClock))
}

#[tokio::test]
async fn a_requester_cannot_name_the_program_that_asks() {
    let asker = Asker::with(&[
        ("SSH_ASKPASS", "/bin/true"),
        ("SSH_ASKPASS_REQUIRE", "force"),
        ("DISPLAY", ":7"),
    ]);
    let bench = Bench::new();
    let no = named(&bench.script("no", "exit 1"), &[]);
    let refusal = no.confirm(&question(), &asker.requester()).await;
    assert_eq!(refusal.unwrap_err().code(), "declined");
    let none = named(Path::new("/nonexistent/askpass"), &[]);
    let refusal = none.confirm(&question(), &asker.requester()).await;
    assert_eq!(refusal.unwrap_err().code(), "unasked");
}

#[tokio::test]
async fn a_prompt_gets_the_session_of_the_requester_and_nothing_else_of_it() {
    let asker = Asker::with(&[
        ("DISPLAY", ":8"),
        ("XAUTHORITY", "/run/cookie"),
        ("LC_CTYPE", "C.UTF-8"),
        ("TERM", "xterm"),
        ("XDG_SESSION_ID", "a\nSETDESC b"),
        ("LD_PRELOAD", "/tmp/evil.so"),
        ("PATH", "/tmp/evil"),
        ("BASH_ENV", "/tmp/evil"),
        ("HOME", "/tmp/evil"),
    ]);
    let bench = Bench::new();
    let env = bench.script("env", "env | sort | tr '\\n' ';'");
    let own = [
        ("HOME", "/home/ann"),
        ("DISPLAY", ":9"),
        ("WAYLAND_DISPLAY", "wayland-9"),
        ("SSH_AUTH_SOCK", "/run/agent"),
    ];
    let answer = named(&env, &own)
        .text(&question(), &asker.requester())
        .await;
    let told = answer.unwrap();
    let has = |variable: &str| told.split(';').any(|it| it == variable);
    for variable in [
        "DISPLAY=:8",
        "XAUTHORITY=/run/cookie",
        "LC_CTYPE=C.UTF-8",
        "TERM=xterm",
        "HOME=/home/ann",
    ] {
        assert!(has(variable), "{variable} is not in {told}");
    }
    for word in ["evil", "wayland-9", "SSH_AUTH_SOCK", "XDG_SESSION_ID"] {
        assert!(!told.contains(word), "{word} is in {told}");
    }
}

#[tokio::test]
async fn a_requester_without_a_display_is_asked_on_that_of_a_program_above_it() {
    let (bare, above) = (Asker::with(&[]), Asker::with(&[("DISPLAY", ":8")]));
    let shell = above.requester();
    let mut requester = bare.requester();
    requester.ancestors = vec![crate::requester::Ancestor {
        pid: shell.pid.unwrap(),
        started: shell.started.unwrap(),
        name: "shell".to_owned(),
    }];
    let bench = Bench::new();
    let shown = named(&bench.script("shown", "echo $DISPLAY"), &[]);
    assert_eq!(shown.text(&question(), &requester).await.unwrap(), ":8");
    // Another process may have the id by now.
    requester.ancestors[0].started += 1;
    let refusal = shown.text(&question(), &requester).await.unwrap_err();
    assert_eq!(refusal.code(), "unasked");
}

#[tokio::test]
async fn the_agents_own_display_serves_requesters_that_have_none() {
    let bench = Bench::new();
    let shown = bench.script("shown", "echo $DISPLAY$WAYLAND_DISPLAY");
    let own = named(&shown, &[("WAYLAND_DISPLAY", "wayland-9")]);
    assert_eq!(text(&own).await.unwrap(), "wayland-9");
}

#[tokio::test]
async fn the_user_can_force_or_forbid_askpass() {
    let bench = Bench::new();
    let yes = bench.script("yes", "exit 0");
    assert_eq!(confirm(&named(&yes, &[])).await, Err("unasked"));
    let forced = named(&yes, &[("SSH_ASKPASS_REQUIRE", "force")]);
    assert_eq!(confirm(&forced).await, Ok(()));
    let display = ("DISPLAY", ":7");
    let preferred = named(&yes, &[("SSH_ASKPASS_REQUIRE", "prefer"), display]);
    assert_eq!(confirm(&preferred).await, Ok(()));
    let forbidden = named(&yes, &[("SSH_ASKPASS_REQUIRE", "never"), display]);
    assert_eq!(confirm(&forbidden).await, Err("unasked"));
}

#[tokio::test]
async fn where_nobody_can_be_asked_the_refusal_says_what_is_missing() {
    let none = desktop(
        settings(),
        &[("SSH_ASKPASS", "/nonexistent/askpass"), ("DISPLAY", ":7")],
        Arc::new(SystemClock),
    );
    let refusal = none.confirm(&question(), &nobody()).await.unwrap_err();
    let said = refusal.to_string();
    assert!(said.starts_with("you could not be asked about the use of key web"));
    assert!(said.contains("/nonexistent/askpass cannot run"), "{said}");
    assert!(said.contains("/nonexistent/pinentry cannot run"), "{said}");
    assert!(refusal.advice().contains("install pinentry"), "{refusal:?}");
}

#[tokio::test]
async fn pimentos_own_helper_is_not_asked_to_ask() {
    let bench = Bench::new();
    let ours = bench.script("pimento-askpass", "exit 0");
    let forced = [("SSH_ASKPASS_REQUIRE", "force")];
    assert_ne!(confirm(&named(&ours, &forced)).await, Ok(()));
}
