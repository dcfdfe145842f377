//! Questions through pinentry: scripts that speak Assuan, and the real programs on a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, tcgetattr};

use super::*;

/// The two ends of a terminal.
struct Terminal {
    person: File,
    program: File,
    device: u32,
}

impl Terminal {
    fn open() -> Self {
        let person: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let path = Path::new(name.to_str().unwrap());
        let program = File::options().read(true).write(true).open(path).unwrap();
        let device = u32::try_from(program.metadata().unwrap().rdev()).unwrap();
        Self {
            person: person.into(),
            program,
            device,
        }
    }

    fn requester(&self, asker: &Asker) -> Requester {
        Requester {
            terminal: Some(self.device),
            ..asker.requester()
        }
    }

    /// How it echoes and edits, as text.
    fn modes(&self) -> String {
        let modes: Termios = tcgetattr(&self.program).unwrap();
        format!("{modes:?}")
    }

    /// Reads until `prompt` is shown, then types; tells all that was shown.
    fn types(&self, prompt: &'static str, keys: &'static str) -> tokio::task::JoinHandle<String> {
        let mut person = self.person.try_clone().unwrap();
        tokio::task::spawn_blocking(move || {
            let mut shown = String::new();
            let mut buffer = [0; 4096];
            while !shown.contains(prompt) {
                let count = person.read(&mut buffer).unwrap();
                shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            person.write_all(keys.as_bytes()).unwrap();
            shown
        })
    }
}

fn with_pinentry(program: &Path) -> Desktop {
    let settings = Settings {
        pinentry: Some(program.to_owned()),
        ..settings()
    };
    let own = [("SSH_ASKPASS_REQUIRE", "never"), ("DISPLAY", ":7")];
    desktop(settings, &own, Arc::new(SystemClock))
}

/// One that answers `OK` to everything, except `answer` to the question.
fn assuan(bench: &Bench, answer: &str) -> Desktop {
    let log = bench.path("log");
    let body = format!(
        "echo OK ready\nwhile read -r line; do echo \"$line\" >> {}\ncase $line in \
         CONFIRM|GETPIN) {answer};; BYE) echo OK; exit;; *) echo OK;; esac; done",
        log.display()
    );
    with_pinentry(&bench.script("pinentry", &body))
}

/// The desktop's pinentry with a person at a terminal.
async fn at_terminal(
    program: &str,
    wanted: Wanted,
    prompt: &'static str,
    keys: &'static str,
) -> (Result<String, &'static str>, String) {
    let (terminal, asker) = (Terminal::open(), Asker::with(&[("TERM", "xterm")]));
    let before = terminal.modes();
    let desktop = with_pinentry(Path::new(program));
    let (question, requester) = (question(), terminal.requester(&asker));
    let typing = terminal.types(prompt, keys);
    let answer = match wanted {
        Wanted::Text => desktop.text(&question, &requester).await,
        Wanted::Yes => {
            let answer = desktop.confirm(&question, &requester).await;
            answer.map(|()| "yes".to_owned())
        }
    };
    let answer = answer.map_err(|refusal| {
        // Otherwise the typist would wait for a prompt that never comes.
        assert_ne!(refusal.code(), "unasked", "{refusal}");
        refusal.code()
    });
    let shown = typing.await.unwrap();
    assert_eq!(terminal.modes(), before);
    (answer, shown)
}

#[tokio::test]
async fn pinentry_tty_asks_on_the_terminal_of_the_requester() {
    let (yes, shown) = at_terminal("pinentry-tty", Wanted::Yes, "[yn]? ", "y").await;
    assert_eq!(yes.unwrap(), "yes");
    assert!(shown.contains("Allow the use of key web"), "{shown}");
    let (no, _) = at_terminal("pinentry-tty", Wanted::Yes, "[yn]? ", "n").await;
    assert_eq!(no, Err("declined"));
    let (text, _) = at_terminal("pinentry-tty", Wanted::Text, "Reason:", "100% INC-1\n").await;
    assert_eq!(text.unwrap(), "100% INC-1");
}

#[tokio::test]
async fn pinentry_curses_asks_on_the_terminal_of_the_requester() {
    let (yes, _) = at_terminal("pinentry-curses", Wanted::Yes, "<No>", "\r").await;
    assert_eq!(yes.unwrap(), "yes");
    let (no, _) = at_terminal("pinentry-curses", Wanted::Yes, "<No>", "\t\r").await;
    assert_eq!(no, Err("declined"));
    let (text, _) = at_terminal("pinentry-curses", Wanted::Text, "Reason:", "INC-1\r").await;
    assert_eq!(text.unwrap(), "INC-1");
}

#[tokio::test]
async fn a_terminal_is_put_right_when_nobody_waits_for_the_answer_any_more() {
    for program in ["pinentry-tty", "pinentry-curses"] {
        let (terminal, asker) = (Terminal::open(), Asker::with(&[("TERM", "xterm")]));
        let before = terminal.modes();
        let (desktop, requester) = (
            with_pinentry(Path::new(program)),
            terminal.requester(&asker),
        );
        let shown = terminal.types("Reason:", "");
        let question = question();
        tokio::select! {
            answer = desktop.text(&question, &requester) => panic!("{answer:?}"),
            shown = shown => drop(shown.unwrap()),
        }
        assert_ne!(before, terminal.modes());
        while terminal.modes() != before {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_no_a_timeout_and_a_broken_pinentry_are_told_apart() {
    let bench = Bench::new();
    for (answer, code) in [
        ("echo OK", None),
        ("echo S BUTTON_INFO; echo '# x'; echo OK", None),
        ("echo ERR 83886179 cancelled", Some("declined")),
        ("echo ERR 83886194 not confirmed", Some("declined")),
        ("echo ERR 83886142 timeout", Some("unanswered")),
        ("echo ERR 83886340 no terminal", Some("unasked")),
        ("echo ERR", Some("unasked")),
        ("echo yes", Some("unasked")),
        ("exit 0", Some("unasked")),
        ("yes | tr -d '\\n'", Some("unasked")),
    ] {
        let said = confirm(&assuan(&bench, answer)).await.err();
        assert_eq!(said, code, "{answer}");
    }
}

#[tokio::test]
async fn a_question_of_several_lines_is_one_command() {
    let bench = Bench::new();
    assert_eq!(confirm(&assuan(&bench, "echo OK")).await, Ok(()));
    let log = fs::read_to_string(bench.path("log")).unwrap();
    let described = log.lines().find(|line| line.starts_with("SETDESC"));
    let described = described.unwrap();
    assert!(described.contains("%0AIt is wanted"), "{described}");
    assert!(log.lines().any(|line| line == "SETTIMEOUT 60"), "{log}");
    assert!(log.lines().any(|line| line == "OPTION display=:7"), "{log}");
}

#[tokio::test]
async fn an_answer_is_unescaped() {
    let bench = Bench::new();
    let answer = text(&assuan(&bench, "echo D 100%25 sure; echo OK")).await;
    assert_eq!(answer.unwrap(), "100% sure");
}

#[tokio::test]
async fn a_terminal_of_somebody_else_is_not_used() {
    let bench = Bench::new();
    assuan(&bench, "echo OK");
    let own = [("SSH_ASKPASS_REQUIRE", "never")];
    let settings = Settings {
        pinentry: Some(bench.path("pinentry")),
        ..settings()
    };
    let desktop = desktop(settings, &own, Arc::new(SystemClock));
    // No terminal has such a number.
    let requester = Requester {
        terminal: Some(u32::MAX),
        ..nobody()
    };
    let refusal = desktop.confirm(&question(), &requester).await.unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("neither a terminal nor a display")
    );
}
