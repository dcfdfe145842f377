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
use crate::config::Paths;
use crate::markup::escaped;
#[cfg(target_os = "macos")]
use crate::{cli::output::Output, config::Overrides, refusal::ExitCode};

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
    /// Where the agent finds what it would look for elsewhere by itself: options of its command line.
    pub(super) options: Vec<(&'static str, PathBuf)>,
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
        // launchd gives the agent the home folder, and nothing of a shell's environment.
        let home = |name: &str| (name == "HOME").then(|| paths.home.clone().map(Into::into))?;
        let usual = Paths::from_variables(home, Overrides::default());
        let usual = usual.map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self {
            options: options(paths, &usual),
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
        let mut arguments = "<string>agent</string>".to_owned();
        for (name, path) in &self.options {
            for word in [name, text(path)?] {
                arguments.push_str(&format!("\n        <string>{}</string>", escaped(word)));
            }
        }
        let program = escaped(text(&self.program)?);
        let runtime = escaped(text(&self.runtime)?);
        // Only then what the user has chosen, which could be called as one of these.
        let (comment, keys) = JOB.split_at(JOB.find("<plist").unwrap_or_default());
        let parts: Vec<String> = keys
            .replace("<string>agent</string>", "@ARGUMENTS@")
            .split('@')
            .map(|part| match part {
                "ARGUMENTS" => arguments.clone(),
                "PROGRAM" => program.clone(),
                "RUNTIME" => runtime.clone(),
                text => text.to_owned(),
            })
            .collect();
        Ok(format!("{comment}{}", parts.concat()))
    }
}

/// What the agent has to be told so that it uses `paths`, where it would use `usual` by itself.
#[cfg_attr(
    not(target_os = "macos"),
    allow(dead_code, reason = "tried everywhere")
)]
fn options(paths: &Paths, usual: &Paths) -> Vec<(&'static str, PathBuf)> {
    let each = [
        ("--config", &paths.config, &usual.config),
        ("--runtime-dir", &paths.runtime, &usual.runtime),
        ("--state-dir", &paths.state, &usual.state),
    ];
    let other = each.into_iter().filter(|(_, ours, usual)| ours != usual);
    // The job begins in another folder.
    let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
    other.map(|(name, ours, _)| (name, whole(ours))).collect()
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
    #[cfg(unix)]
    use crate::config::Overrides;

    fn job() -> Job {
        Job {
            program: "/opt/homebrew/bin/pimento".into(),
            runtime: "/Users/ann & bob/.local/state/pimento/run".into(),
            options: Vec::new(),
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

    #[cfg(unix)]
    #[test]
    fn the_agent_is_told_of_what_the_shell_names_and_it_would_not_find() {
        let paths = |variables: &[(&str, &str)], overrides: Overrides| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).into())
            };
            Paths::from_variables(variable, overrides).unwrap()
        };
        let run = ("XDG_RUNTIME_DIR", "/tmp/run");
        let home = ("HOME", "/Users/ann");
        let usual = paths(&[home, run], Overrides::default());
        assert_eq!(options(&usual, &usual), []);
        let config = ("XDG_CONFIG_HOME", "/Users/ann/a & b");
        let named = Overrides {
            state: Some("/Volumes/record".into()),
            ..Overrides::default()
        };
        let options = options(&paths(&[home, run, config], named), &usual);
        let expected: [(&str, PathBuf); 2] = [
            ("--config", "/Users/ann/a & b/pimento/config.toml".into()),
            ("--state-dir", "/Volumes/record".into()),
        ];
        assert_eq!(options, expected);
        let text = Job { options, ..job() }.text().unwrap();
        let arguments = "<string>/opt/homebrew/bin/pimento</string>\n        \
             <string>agent</string>\n        <string>--config</string>\n        \
             <string>/Users/ann &amp; b/pimento/config.toml</string>\n        \
             <string>--state-dir</string>\n        <string>/Volumes/record</string>\n    </array>";
        let arguments = arguments.replace("ann &amp; b", "ann/a &amp; b");
        assert!(text.contains(&arguments), "{text}");
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
