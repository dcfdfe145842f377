use super::*;
use crate::control::proto::{Held, Refusal, Tenant};

fn reply() -> StatusReply {
    let window = |name: &str, state: State| Window {
        name: name.to_owned(),
        state: state.into(),
        ..Window::default()
    };
    StatusReply {
        version: "1.0.0".to_owned(),
        windows: vec![
            Window {
                seconds_left: 2530,
                ends: "2026-01-02T03:04:05Z".to_owned(),
                held: vec![Held {
                    credential: "web".to_owned(),
                    version: "v1".to_owned(),
                }],
                ..window("linux-root", State::Open)
            },
            Window {
                stage: "PIM: waiting for approval by alex".to_owned(),
                request: "r1".to_owned(),
                ..window("prod", State::Opening)
            },
            window("lab", State::Closed),
        ],
        tenants: vec![Tenant {
            name: "contoso".to_owned(),
            user_name: String::new(),
        }],
        ..StatusReply::default()
    }
}

#[test]
fn windows_stand_in_columns_with_time_left_what_they_hold_and_what_waits() {
    let told = text(&reply(), Paint::plain());
    let lines: Vec<&str> = told.lines().take(6).collect();
    assert_eq!(lines[0], "Windows");
    assert!(lines[1].starts_with("  linux-root  open     42 min 10 s left (until 2026-01-0"));
    assert_eq!(
        lines[2],
        "              holds web, version v1".replace("holds", "         holds")
    );
    assert_eq!(
        lines[3],
        "  prod        opening  PIM: waiting for approval by alex"
    );
    assert!(
        lines[4].ends_with("request r1; `pimento close prod` takes it back"),
        "{told}"
    );
    assert_eq!(lines[5], "  lab         closed");
    assert!(
        told.contains("  contoso  nobody: `pimento login contoso`"),
        "{told}"
    );
}

#[test]
fn a_group_of_nothing_has_no_heading_and_a_lock_comes_first() {
    let mut reply = reply();
    let told = text(&reply, Paint::plain());
    for heading in [
        "Warnings",
        "Last refusals",
        "Passwords that were shown",
        "Locked",
    ] {
        assert!(!told.contains(heading), "{told}");
    }
    reply.locked = true;
    assert!(text(&reply, Paint::plain()).starts_with("Locked: "));
}

#[test]
fn what_is_colored_says_the_same_without_color() {
    let mut reply = reply();
    reply.refused.push(Refused {
        at: "2026-01-02T03:04:05Z".to_owned(),
        refusal: Some(Refusal {
            code: "binding".to_owned(),
            message: "web was refused\u{1b}[2J".to_owned(),
            advice: "do this".to_owned(),
            ..Refusal::default()
        }),
        ..Refused::default()
    });
    reply.windows[0].seconds_left = 90;
    let colored = text(&reply, Paint::Color);
    let mut bare = colored;
    for code in ["0", "1", "2", "31", "32", "33"] {
        bare = bare.replace(&format!("\u{1b}[{code}m"), "");
    }
    let told = text(&reply, Paint::plain());
    assert_eq!(bare, told);
    assert!(told.contains("binding  web was refused?[2J"), "{told}");
    assert!(told.contains("1 min 30 s left, ends soon"), "{told}");
}

#[test]
fn neither_a_stage_nor_an_account_steers_the_terminal() {
    let mut reply = reply();
    reply.windows[1].stage = "PIM: waiting for mia\u{1b}[2J".to_owned();
    reply.tenants[0].user_name = "mia\u{202e}@contoso.com".to_owned();
    let told = text(&reply, Paint::plain());
    assert!(told.contains("PIM: waiting for mia?[2J"), "{told}");
    assert!(told.contains("mia?@contoso.com"), "{told}");
    let line = crate::cli::show::window_line(&reply.windows[1]);
    assert_eq!(line, "prod  opening: PIM: waiting for mia?[2J");
}

#[test]
fn configured_things_are_summed_up_in_the_right_number() {
    let mut configured = Configured::default();
    assert_eq!(summed_up(&configured), "nothing is configured");
    (configured.keys, configured.authorities) = (1, 2);
    assert_eq!(summed_up(&configured), "1 key, 2 authorities");
}
