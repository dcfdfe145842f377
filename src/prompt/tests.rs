use std::fs;
use std::path::Path;
use std::process::{Child, Command};

use tempfile::TempDir;

use super::*;
use crate::catalog::testing::key;
use crate::clock::SystemClock;
use crate::clock::manual::ManualClock;
use crate::policy::{End, Route, Signed};

mod notices;
mod pinentry;
mod place;

/// A folder with programs that ask.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A shell script. Written by a process of its own: one that another thread forks meanwhile
    /// would hold the file open, and what is open for writing cannot be run.
    fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path(name);
        let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 700 \"$2\"";
        let written = Command::new("sh")
            .args(["-c", write, "sh", body])
            .arg(&path)
            .status()
            .unwrap();
        assert!(written.success());
        path
    }

    /// A desktop whose askpass is a script, on a display, with real time.
    fn askpass(&self, body: &str) -> Desktop {
        let askpass = Some(self.script("askpass", body));
        desktop(
            Settings {
                askpass,
                ..settings()
            },
            &[("DISPLAY", ":7")],
            Arc::new(SystemClock),
        )
    }

    /// What a script wrote to that file, once it has.
    async fn written(&self, name: &str) -> String {
        loop {
            let text = fs::read_to_string(self.path(name)).unwrap_or_default();
            if text.ends_with('\n') {
                return text.trim().to_owned();
            }
            tokio::task::yield_now().await;
        }
    }
}

fn settings() -> Settings {
    Settings {
        askpass: None,
        pinentry: Some(PathBuf::from("/nonexistent/pinentry")),
        timeout: Duration::from_secs(60),
        notify: NotifyProgram::None,
    }
}

/// A desktop in an environment of these variables and the real `PATH`.
fn desktop(settings: Settings, own: &[(&str, &str)], clock: Arc<dyn Clock>) -> Desktop {
    let path = std::env::var("PATH").unwrap();
    let own = own.iter().copied().chain([("PATH", path.as_str())]);
    let own = own.map(|(name, value)| (name.into(), value.into()));
    Desktop::new(&settings, own.collect(), clock)
}

fn question() -> Question {
    let end = End::Sign {
        what: Signed::Unknown,
        route: Route::Unbound,
    };
    Question::consent(Subject::of(&key("web")), end)
}

fn nobody() -> Requester {
    Requester::default()
}

async fn confirm(desktop: &Desktop) -> Result<(), &'static str> {
    let answer = desktop.confirm(&question(), &nobody()).await;
    answer.map_err(|refusal| refusal.code())
}

async fn text(desktop: &Desktop) -> Result<String, &'static str> {
    let answer = desktop.text(&question(), &nobody()).await;
    answer.map_err(|refusal| refusal.code())
}

/// Waits until no such process runs; one that is dead and not yet waited for does not.
async fn gone(pid: &str) {
    while fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
    {
        tokio::task::yield_now().await;
    }
}

/// A process with these variables and no others, killed at the end.
struct Asker(Child);

impl Asker {
    fn with(variables: &[(&str, &str)]) -> Self {
        let mut sleep = Command::new("/bin/sleep");
        sleep.arg("1000").env_clear();
        Self(sleep.envs(variables.iter().copied()).spawn().unwrap())
    }

    /// It and no process above it, since those are whoever runs the tests.
    fn requester(&self) -> Requester {
        Requester {
            ancestors: Vec::new(),
            terminal: None,
            ..Requester::of(Some(self.0.id()))
        }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn an_askpass_that_ends_well_with_nothing_or_yes_is_a_yes() {
    let bench = Bench::new();
    for body in [
        "exit 0",
        "echo",
        "echo yes",
        "printf YES",
        "printf 'yes\\r\\n'",
    ] {
        assert_eq!(confirm(&bench.askpass(body)).await, Ok(()), "{body}");
    }
}

#[tokio::test]
async fn whatever_else_an_askpass_does_is_a_no() {
    let bench = Bench::new();
    for body in [
        "exit 1",
        "echo no",
        "echo yes; exit 1",
        "echo yes; echo no",
        "echo yes; kill -9 $$",
        "exec yes",
        "exec yes ''",
        "printf '\\377'",
        "echo ' yes'",
    ] {
        assert_eq!(
            confirm(&bench.askpass(body)).await,
            Err("declined"),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_text_is_the_first_line_and_never_a_cut_one() {
    let bench = Bench::new();
    let answer = text(&bench.askpass("echo 'INC-1, disk full'; echo more")).await;
    assert_eq!(answer.unwrap(), "INC-1, disk full");
    assert_eq!(text(&bench.askpass("exit 0")).await.unwrap(), "");
    for body in [
        "exec yes",
        "head -c 1024 /dev/zero | tr '\\0' x",
        "echo x; exit 1",
    ] {
        assert_eq!(text(&bench.askpass(body)).await, Err("declined"), "{body}");
    }
}

#[tokio::test]
async fn the_question_is_the_argument_and_only_a_confirmation_says_that_it_is_one() {
    let bench = Bench::new();
    let body = "echo \"$# $SSH_ASKPASS_PROMPT $1\" | tr '\\n' ' '";
    let told = text(&bench.askpass(body)).await.unwrap();
    assert!(told.starts_with("1  Allow the use of key web"), "{told}");
    let confirming = "test \"$SSH_ASKPASS_PROMPT\" = confirm";
    assert_eq!(confirm(&bench.askpass(confirming)).await, Ok(()));
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_takes_its_program_and_its_children_with_it() {
    let bench = Bench::new();
    let body = format!(
        "sleep 1000 & echo $! > {0}/child; echo $$ > {0}/pid; wait",
        bench.folder.path().display()
    );
    let desktop = Arc::new(bench.askpass(&body));
    let asked = Arc::clone(&desktop);
    let asking = tokio::spawn(async move { confirm(&asked).await });
    let (pid, child) = (bench.written("pid").await, bench.written("child").await);
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    gone(&pid).await;
    gone(&child).await;
    assert_eq!(desktop.places.available_permits(), MOST_QUESTIONS);
}

#[tokio::test]
async fn a_question_stands_until_its_time_is_up_and_no_longer() {
    let bench = Bench::new();
    let hangs = format!("echo $$ > {}; exec sleep 1000", bench.path("pid").display());
    let clock = Arc::new(ManualClock::new());
    let askpass = Some(bench.script("askpass", &hangs));
    let settings = Settings {
        askpass,
        ..settings()
    };
    let time = Arc::clone(&clock) as Arc<dyn Clock>;
    let desktop = desktop(settings, &[("DISPLAY", ":7")], time);
    let passes = async {
        let pid = bench.written("pid").await;
        clock.jump(Duration::from_millis(59_999));
        assert!(Path::new(&format!("/proc/{pid}")).exists());
        clock.pass(Duration::from_millis(1)).await;
        pid
    };
    let (answer, pid) = tokio::join!(confirm(&desktop), passes);
    assert_eq!(answer, Err("unanswered"));
    gone(&pid).await;
}

#[tokio::test]
async fn one_question_does_not_wait_for_another() {
    let bench = Bench::new();
    let first = bench.path("first").display().to_string();
    // The first to come waits for the second.
    let body = format!(
        "if mkdir {first} 2>/dev/null; then while ! test -e {first}/2; do :; done; else : > {first}/2; fi"
    );
    let desktop = bench.askpass(&body);
    let answers = tokio::join!(confirm(&desktop), confirm(&desktop));
    assert_eq!(answers, (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_ninth_question_at_once_is_refused_and_the_others_stand() {
    let bench = Bench::new();
    let go = bench.path("go");
    let body = format!("while ! test -e {}; do sleep 0.01; done", go.display());
    let desktop = bench.askpass(&body);
    let eight = futures_util::future::join_all((0..8).map(|_| confirm(&desktop)));
    let ninth = async {
        while desktop.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refusal = desktop.confirm(&question(), &nobody()).await.unwrap_err();
        fs::write(&go, "").unwrap();
        refusal
    };
    let (answers, refusal) = tokio::join!(eight, ninth);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(refusal.code(), "unasked");
    assert!(
        refusal.to_string().contains("8 other questions"),
        "{refusal}"
    );
}
