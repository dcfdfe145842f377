//! The live view on a real terminal, by its keys.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use pimento::emulator::Scenario;

use crate::support::home::Home;
use crate::support::{self, GROUP, USER, World, until};
use crate::tmux::Tmux;

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 50);
const ALEX: &str = "alex@contoso.onmicrosoft.com";

/// Runs what waits for the screen while the agent, which is in this process, goes on.
async fn at<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn approver(scenario: &mut Scenario) {
    let group = scenario.groups.iter_mut().find(|group| group.id == GROUP);
    group.unwrap().policy.approvers = vec![ALEX.to_owned()];
}

/// A world with something of everything: two windows, one of them open, a refusal, a warning.
async fn busy() -> World {
    let plan = World::plan().configured(|_, text| {
        let at = text.find("[key.db]").unwrap();
        let (before, behind) = text.split_at(at);
        let behind = behind.replacen("hosts =", "uses = [\"git\"]
hosts =", 1);
        let text = format!("{before}{behind}");
        let second = "[window.production]\ntenant = \"contoso\"\n\
                      group = \"11111111-2222-4333-8444-555555555555\"\nreason = \"ask\"\n\
                      [vault.prod]\nurl = \"https://kv-prod.vault.azure.net\"\nwindow = \"production\"\n";
        text.replacen("[vault.linux]", &format!("{second}[vault.linux]"), 1)
    });
    let world = plan.start().await;
    world.ssh("web").await.assert_ok();
    world.ssh("db").await.assert_refused();
    world.ssh("legacy").await.assert_ok();
    let shown = super::pimento(&world, &["password", "db01-root", "--reveal"]).await;
    super::ends(&shown, 0);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_opened_closed_and_locked_by_keys() {
    let world = World::start().await;
    let tmux = Tmux::start(&world, SMALL, &[]);
    at(move || {
        tmux.watches();
        tmux.shows("linux-root  closed");
        tmux.presses(&["o"]);
        tmux.shows("linux-root is open");
        tmux.shows("linux-root  open");
        tmux.presses(&["c"]);
        tmux.shows("Close linux-root?");
        tmux.picture("closing-80x24");
        tmux.presses(&["n"]);
        tmux.shows("linux-root stays as it is");
        tmux.presses(&["c", "y"]);
        tmux.shows("linux-root is closed and wiped");
        tmux.shows("linux-root  closed");
        tmux.presses(&["L"]);
        tmux.shows("LOCKED");
        tmux.presses(&["L"]);
        tmux.hides("LOCKED");
        tmux.presses(&["?"]);
        tmux.shows("ask PIM what waits for your approval");
        tmux.picture("help-80x24");
        tmux.presses(&["x"]);
        tmux.hides("ask PIM what waits");
    })
    .await;
    assert_eq!((world.recorded("opened"), world.recorded("closed")), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pasted_presses_no_keys() {
    let world = World::start().await;
    let tmux = Tmux::start(&world, SMALL, &[]);
    at(move || {
        tmux.watches();
        tmux.presses(&["o"]);
        tmux.shows("linux-root  open");
        for _ in 0..2 {
            // As keys these would close the window.
            tmux.pastes("cyan");
            tmux.presses(&["?"]);
            tmux.shows("ask PIM what waits for your approval");
            tmux.presses(&["x"]);
            let screen = tmux.hides("ask PIM what waits");
            assert!(screen.contains("linux-root  open"), "{screen}");
            // What is pasted into the shell is a command of it, and what comes back is told apart again.
            tmux.presses(&["C-z"]);
            tmux.shows("Stopped");
            tmux.pastes("echo in the shell");
            tmux.presses(&["Enter"]);
            tmux.shows("\nin the shell");
            tmux.types("fg");
            tmux.shows("? help");
        }
        tmux.presses(&["q"]);
        tmux.hides("? help");
    })
    .await;
    assert_eq!((world.recorded("opened"), world.recorded("closed")), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_is_needed_is_typed_and_reaches_pim() {
    let plan = World::plan().configured(|_, text| {
        text.replace(
            "reason = \"{program} to {user}@{host}\"",
            "reason = \"ask\"",
        )
    });
    let world = plan.start().await;
    let tmux = Tmux::start(&world, SMALL, &[]);
    at(move || {
        tmux.watches();
        tmux.presses(&["o"]);
        tmux.shows("Reason for linux-root");
        tmux.presses(&["Escape"]);
        tmux.shows("nothing was opened");
        tmux.presses(&["o"]);
        tmux.shows("Reason for linux-root");
        tmux.presses(&["Enter"]);
        tmux.shows("write something");
        tmux.types("INC-42: the quota is full");
        tmux.shows("linux-root is open");
        tmux.picture("opened-80x24");
    })
    .await;
    let opening = world
        .records()
        .into_iter()
        .find(|it| it["event"] == "opening")
        .unwrap();
    assert_eq!(opening["reason"], "INC-42: the quota is full");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_ask_for_is_approved_by_keys_and_only_then_asked_of_pim() {
    let world = World::plan().scenario(approver).start().await;
    let mut open = world.pimento(&["open", "linux-root", "--reason", "INC-9: the disk is full"]);
    let mut open = open.spawn().unwrap();
    world.awaits_approval().await;
    // Alex's own agent, on the same configuration.
    let folder = support::private_folder();
    let config = folder.path().join("config.toml");
    fs::copy(&world.paths.config, &config).unwrap();
    fs::set_permissions(&config, PermissionsExt::from_mode(0o600)).unwrap();
    let paths = support::paths(folder.path(), &config);
    let time = std::sync::Arc::clone(&world.clock) as std::sync::Arc<dyn pimento::clock::Clock>;
    let (house, _serving) = support::serve(&paths, time);
    support::sign_in(&house, &world.emulator, ALEX).await;
    let variables = [
        ("PIMENTO_CONFIG", paths.config.clone()),
        ("PIMENTO_RUNTIME_DIR", paths.runtime.clone()),
        ("PIMENTO_STATE_DIR", paths.state.clone()),
    ];
    let listed = || {
        let calls = world.emulator.calls();
        calls
            .iter()
            .filter(|call| call.contains("filterByCurrentUser"))
            .count()
    };
    let tmux = Tmux::start_with(&variables, folder.path(), SMALL, &[]);
    let before = listed();
    let tmux = at(move || {
        tmux.watches();
        tmux
    })
    .await;
    assert_eq!(listed(), before, "watching asks PIM nothing");
    at(move || {
        tmux.presses(&["a"]);
        let screen = tmux.shows("asks to be");
        assert!(screen.contains("INC-9: the disk is full"), "{screen}");
        tmux.picture("approvals-80x24");
        tmux.presses(&["a"]);
        tmux.shows("Why do you approve it?");
        tmux.types("I know her");
        tmux.shows("nothing waits for you");
        tmux.shows("approved ");
    })
    .await;
    world.clock.advance(Duration::from_secs(5));
    until("the window is open", || {
        !world.house.pipeline.broker.views().is_empty()
    })
    .await;
    open.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_somebody_has_to_approve_the_request_is_shown_and_can_be_taken_back() {
    let world = World::plan().scenario(approver).start().await;
    let tmux = Tmux::start(&world, SMALL, &[]);
    let tmux = at(move || {
        tmux.watches();
        tmux.presses(&["o"]);
        tmux
    })
    .await;
    world.awaits_approval().await;
    at(move || {
        let screen = tmux.shows("c takes it back");
        assert!(screen.contains("    by alex@contoso."), "{screen}");
        tmux.picture("waiting-80x24");
        tmux.presses(&["c", "y"]);
        tmux.shows("linux-root does not open any more");
        tmux.shows("linux-root  closed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sizes_show_the_same_and_a_resize_goes_from_one_to_the_other() {
    let world = busy().await;
    let tmux = Tmux::start(&world, SMALL, &[]);
    at(move || {
        tmux.watches();
        let small = tmux.shows("Last refusals");
        for part in [
            "linux-root  open",
            "production  closed",
            "db",
            "policy",
            "released",
        ] {
            assert!(small.contains(part), "{part:?} is missing:\n{small}");
        }
        tmux.picture("busy-80x24");
        tmux.resize(LARGE);
        let large = tmux.shows("Credentials");
        let head = large
            .lines()
            .find(|line| line.contains("Windows ("))
            .unwrap();
        assert!(head.contains("Asks, newest first"), "{large}");
        assert!(large.contains("ssh (process "), "{large}");
        tmux.picture("busy-200x50");
        tmux.resize((30, 8));
        tmux.shows("too small");
        tmux.resize(SMALL);
        tmux.shows("Last refusals");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_color_is_wanted_there_is_none_and_elsewhere_only_the_terminals_own() {
    let world = busy().await;
    let plain = Tmux::start(&world, SMALL, &[("NO_COLOR", "1")]);
    let ascii = Tmux::start(&world, LARGE, &[("LC_ALL", "C"), ("LANG", "C")]);
    at(move || {
        plain.watches();
        plain.shows("Last refusals");
        let screen = plain.picture("no-color-80x24");
        for code in codes(&screen) {
            assert!(
                matches!(code, 0 | 1 | 2 | 7 | 22 | 27 | 39 | 49),
                "{code} in {screen:?}"
            );
        }
        ascii.watches();
        let screen = ascii.shows("Last refusals");
        assert!(screen.is_ascii(), "{screen}");
        let screen = ascii.picture("ascii-200x50");
        let codes = codes(&screen);
        let (colors, others): (Vec<u32>, Vec<u32>) = codes.iter().partition(|code| **code > 999);
        assert!(
            colors.contains(&1002) && colors.contains(&1001),
            "{codes:?}"
        );
        // None of the colors that a palette does not choose, and no background.
        assert!(colors.iter().all(|color| *color < 1016), "{codes:?}");
        let plain = |code: &u32| matches!(code, 0..=39 | 49);
        assert!(others.iter().all(plain), "{codes:?}");
    })
    .await;
}

/// The numbers of all `SGR` sequences; color N of the palette is 1000 + N.
fn codes(screen: &str) -> Vec<u32> {
    let sequences = screen
        .split('\u{1b}')
        .filter_map(|part| part.strip_prefix('['));
    let of_style = sequences.filter_map(|part| part.split_once('m'));
    let mut codes = Vec::new();
    for (sequence, _) in of_style {
        let text = sequence.replace(':', ";").replace("38;5;", "+");
        for number in text.split(';') {
            let palette = number
                .strip_prefix('+')
                .map(|it| 1000 + it.parse::<u32>().unwrap());
            codes.extend(palette.or_else(|| number.parse().ok()));
        }
    }
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_goes_and_comes_back_is_told_and_found() {
    let home = Home::new().await;
    let agent = home.agent();
    home.sign_in();
    assert!(home.ssh("web").status.success());
    let variables = [
        ("PIMENTO_CONFIG", home.path("config.toml")),
        ("PIMENTO_RUNTIME_DIR", home.path("run")),
        ("PIMENTO_STATE_DIR", home.path("state")),
    ];
    let tmux = Tmux::start_with(&variables, home.folder.path(), SMALL, &[]);
    let tmux = at(move || {
        tmux.watches();
        tmux.shows("linux-root  open");
        tmux
    })
    .await;
    agent.kill();
    let tmux = at(move || {
        let screen = tmux.shows("The agent is gone");
        assert!(screen.contains("no agent"), "{screen}");
        assert!(
            screen.contains("linux-root  open"),
            "what was is kept: {screen}"
        );
        tmux.picture("gone-80x24");
        tmux
    })
    .await;
    let _again = home.agent();
    at(move || {
        tmux.shows("the agent is back");
        tmux.shows("linux-root  closed");
        tmux.shows("contoso: not signed in");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asks_are_seen_as_they_come() {
    let world = World::start().await;
    let tmux = Tmux::start(&world, SMALL, &[]);
    let tmux = at(move || {
        tmux.watches();
        tmux.shows("nothing was asked for since the agent started");
        tmux
    })
    .await;
    world.ssh("web").await.assert_ok();
    at(move || {
        tmux.shows("released");
        tmux.hides("nothing was asked for");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_it_ends_the_terminal_is_as_it_was() {
    let world = World::start().await;
    let tmux = Tmux::start(&world, SMALL, &[]);
    at(move || {
        tmux.types("echo before; stty -g > $PIMENTO_STATE_DIR/before");
        tmux.shows("before\n");
        for (round, ending) in ["q", "Escape", "C-c", "TERM", "HUP"]
            .into_iter()
            .enumerate()
        {
            tmux.watches();
            assert_eq!(tmux.says("#{alternate_on}"), "1");
            match ending {
                "TERM" | "HUP" => {
                    let pid = foreground(&tmux);
                    let pid = rustix::process::Pid::from_raw(pid).unwrap();
                    let signal = match ending {
                        "TERM" => rustix::process::Signal::TERM,
                        _ => rustix::process::Signal::HUP,
                    };
                    rustix::process::kill_process(pid, signal).unwrap();
                }
                key => tmux.presses(&[key]),
            }
            let screen = tmux.shows("ended 0");
            assert!(screen.contains("before"), "{ending}: {screen}");
            assert_eq!(
                tmux.says("#{alternate_on} #{cursor_flag}"),
                "0 1",
                "{ending}"
            );
            tmux.types("clear");
            tmux.hides("ended");
            let same = "stty -g | cmp - $PIMENTO_STATE_DIR/before && echo before";
            tmux.types(&format!("{same} same {round}"));
            tmux.shows(&format!("before same {round}\n"));
        }
        tmux.watches();
        tmux.presses(&["C-z"]);
        tmux.shows("Stopped");
        assert_eq!(tmux.says("#{alternate_on}"), "0");
        tmux.types("fg");
        tmux.shows("? help");
        tmux.presses(&["q"]);
        tmux.hides("? help");
        assert_eq!(tmux.says("#{alternate_on}"), "0");
    })
    .await;
}

/// The view's process: the only child of the shell.
fn foreground(tmux: &Tmux) -> i32 {
    let shell = tmux.says("#{pane_pid}");
    let file = format!("/proc/{shell}/task/{shell}/children");
    let children = fs::read_to_string(file).unwrap();
    children.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_can_only_write_gets_lines() {
    let world = World::start().await;
    let tmux = Tmux::start(&world, SMALL, &[("TERM", "dumb")]);
    at(move || {
        let program = env!("CARGO_BIN_EXE_pimento");
        tmux.types(&format!("{program} status --watch"));
        let screen = tmux.shows(USER);
        assert!(!screen.contains("? help"), "{screen}");
        assert_eq!(tmux.says("#{alternate_on}"), "0");
        tmux.presses(&["C-c"]);
    })
    .await;
}
