//! launchd (macOS): a job of the user's session that listens for the agent and starts it.
//!
//! Enters: where the program and the user's folders are. Leaves: the steps that set the job up or
//! take it away. What never happens here: anything that needs root.

use std::path::PathBuf;

#[cfg(target_os = "macos")]
use serde_json::json;

use super::step::{Step, said, text, words};
#[cfg(target_os = "macos")]
use super::{Told, step};
use crate::cli::Failure;
use crate::markup::escaped;
#[cfg(target_os = "macos")]
use crate::{cli::output::Output, config::Paths, refusal::ExitCode};

/// Sets the job up.
///
/// # Errors
/// If launchd refuses, or is to tell other programs of the agent.
#[cfg(target_os = "macos")]
pub(super) async fn install(paths: &Paths, ssh_auth_sock: bool) -> Result<Told, Failure> {
    if ssh_auth_sock {
        return Err(Failure::new(
            "unsupported",
            ExitCode::Failed,
            "macOS gives SSH_AUTH_SOCK of its own agent to every program, and no user changes that \
             for good",
            "name pimento's socket as IdentityAgent: `pimento ssh-config`",
        ));
    }
    step::all(&Job::of(paths)?.install()?).map(Told)
}

/// Takes the job away.
///
/// # Errors
/// If its file cannot be removed.
#[cfg(target_os = "macos")]
pub(super) async fn uninstall(paths: &Paths) -> Result<Told, Failure> {
    let job = Job::of(paths)?;
    if !job.file().exists() {
        return Ok(Told(vec!["there was no service of pimento's".to_owned()]));
    }
    step::all(&job.uninstall())?;
    Ok(Told(vec![
        format!("stopped {LABEL}"),
        format!("removed {}", job.file().display()),
    ]))
}

/// Tells how the job is doing.
///
/// # Errors
/// If this program or its user cannot be told.
#[cfg(target_os = "macos")]
pub(super) async fn status(paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let job = Job::of(paths)?;
    let state = job.status();
    let file = job.file().display().to_string();
    let (said, pid) = match state {
        State::Absent => ("not known to launchd; `pimento service install`", None),
        State::Waiting => (
            "launchd listens, and starts the agent when something asks it",
            None,
        ),
        State::Running(pid) => ("running", Some(pid)),
    };
    let value = json!({ "unit": file, "agent": said, "pid": pid });
    output.result(&format!("unit      {file}\nagent     {said}"), &value);
    Ok(match state {
        State::Absent => ExitCode::NoAgent,
        State::Waiting | State::Running(_) => ExitCode::Done,
    })
}

/// What a job depends on.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// This program, with its whole path.
    pub(super) program: PathBuf,
    /// The folder of the sockets.
    pub(super) runtime: PathBuf,
    /// The user's home folder.
    pub(super) home: PathBuf,
    /// The user.
    pub(super) uid: u32,
}

/// How the job is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// launchd does not know it.
    Absent,
    /// launchd listens, and starts the agent when somebody connects.
    Waiting,
    /// The agent runs, with this process id.
    Running(u32),
}

impl Job {
    #[cfg(target_os = "macos")]
    fn of(paths: &Paths) -> Result<Self, Failure> {
        let failed = |what: &str| Failure::failed(format!("{what} cannot be told"));
        Ok(Self {
            program: std::env::current_exe().map_err(|_| failed("where this program is"))?,
            runtime: paths.runtime.clone(),
            home: paths
                .home
                .clone()
                .ok_or_else(|| failed("your home folder"))?,
            uid: rustix::process::geteuid().as_raw(),
        })
    }

    /// Writes the job and hands it to launchd; an older one is replaced.
    pub(super) fn install(&self) -> Result<Vec<Step>, Failure> {
        let agents = self.home.join("Library/LaunchAgents");
        let file = self.file();
        Ok(vec![
            // launchd makes the sockets, and no folder for them.
            Step::Folder(self.runtime.clone()),
            Step::Folder(agents),
            Step::Write(file.clone(), self.text()?.into_bytes()),
            Step::Try(words(["launchctl", "bootout", &self.target()])),
            // It answers before the job has ended, and until then another is refused.
            Step::Gone(words(["launchctl", "print", &self.target()])),
            Step::Run(words([
                "launchctl",
                "bootstrap",
                &format!("gui/{}", self.uid),
                text(&file)?,
            ])),
        ])
    }

    /// Takes the job away; the agent ends, and wipes what it holds.
    pub(super) fn uninstall(&self) -> Vec<Step> {
        vec![
            Step::Try(words(["launchctl", "bootout", &self.target()])),
            Step::Remove(self.file()),
        ]
    }

    /// Asks launchd.
    pub(super) fn status(&self) -> State {
        match said(&words(["launchctl", "print", &self.target()])) {
            Ok(printed) => state(&printed),
            Err(_) => State::Absent,
        }
    }

    /// The job's file.
    pub(super) fn file(&self) -> PathBuf {
        let file = format!("Library/LaunchAgents/{LABEL}.plist");
        self.home.join(file)
    }

    fn target(&self) -> String {
        format!("gui/{}/{LABEL}", self.uid)
    }

    fn text(&self) -> Result<String, Failure> {
        let filled = JOB.replace("@PROGRAM@", &escaped(text(&self.program)?));
        Ok(filled.replace("@RUNTIME@", &escaped(text(&self.runtime)?)))
    }
}

/// What `launchctl print` says: people are its readers, so no more is read than is needed.
fn state(printed: &str) -> State {
    let pid = printed.lines().find_map(|line| {
        let pid = line.trim().strip_prefix("pid = ")?;
        pid.parse().ok()
    });
    pid.map_or(State::Waiting, State::Running)
}

const LABEL: &str = "pimento.agent";
const JOB: &str = include_str!("../../../packaging/macos/pimento.agent.plist");

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job {
            program: "/opt/homebrew/bin/pimento".into(),
            runtime: "/Users/ann & bob/.local/state/pimento/run".into(),
            home: "/Users/ann & bob".into(),
            uid: 501,
        }
    }

    #[cfg(unix)]
    fn runs(steps: &[Step]) -> Vec<String> {
        let line = |step: &Step| match step {
            Step::Run(words) | Step::Try(words) => {
                Some(words.join(std::ffi::OsStr::new(" ")).into_string().unwrap())
            }
            _ => None,
        };
        steps.iter().filter_map(line).collect()
    }

    #[cfg(unix)]
    #[test]
    fn a_job_is_written_with_the_users_paths_and_handed_to_their_session() {
        let steps = job().install().unwrap();
        let file = "/Users/ann & bob/Library/LaunchAgents/pimento.agent.plist";
        assert_eq!(
            runs(&steps),
            [
                "launchctl bootout gui/501/pimento.agent".to_owned(),
                format!("launchctl bootstrap gui/501 {file}"),
            ]
        );
        let written = steps.iter().find_map(|step| match step {
            Step::Write(path, text) => Some((path, String::from_utf8(text.clone()).unwrap())),
            _ => None,
        });
        let (path, text) = written.unwrap();
        assert_eq!(path, std::path::Path::new(file));
        let socket = "<string>/Users/ann &amp; bob/.local/state/pimento/run/agent.sock</string>";
        assert!(text.contains(socket), "{text}");
        assert!(text.contains("<string>/opt/homebrew/bin/pimento</string>"));
        let keys = text.split("<plist").nth(1).unwrap();
        assert!(!keys.contains('@'), "{text}");
    }

    #[test]
    fn an_older_job_is_taken_away_before_the_new_one_and_need_not_be_there() {
        let steps = job().install().unwrap();
        let at = |wanted: fn(&Step) -> bool| steps.iter().position(wanted).unwrap();
        let away = at(|step| matches!(step, Step::Try(_)));
        let gone = at(|step| matches!(step, Step::Gone(_)));
        assert!(away < gone && gone < at(|step| matches!(step, Step::Run(_))));
        assert!(matches!(
            job().uninstall().as_slice(),
            [Step::Try(_), Step::Remove(_)]
        ));
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn where_there_is_no_launchd_there_is_no_job() {
        assert_eq!(job().status(), State::Absent);
    }

    #[test]
    fn a_job_that_waits_is_told_from_one_that_runs() {
        let waiting = "gui/501/pimento.agent = {\n\tactive count = 0\n\tstate = not running\n}";
        let running = "gui/501/pimento.agent = {\n\tstate = running\n\tpid = 4711\n}";
        assert_eq!(state(waiting), State::Waiting);
        assert_eq!(state(running), State::Running(4711));
        assert_eq!(state("\tpid = none\n"), State::Waiting);
    }
}
