//! The task scheduler (Windows): a task at the user's logon.
//!
//! Enters: where the program is, and whose the task is. Leaves: the steps that set it up or take it
//! away. What never happens here: anything that needs an administrator, or a stored password.

use std::path::{Path, PathBuf};

#[cfg(windows)]
use serde_json::json;

use super::step::{Step, said, text, words};
#[cfg(windows)]
use super::{Told, step};
use crate::cli::Failure;
use crate::markup::escaped;
#[cfg(windows)]
use crate::{cli::output::Output, config::Paths, refusal::ExitCode};

/// Sets the task up.
///
/// # Errors
/// If the scheduler refuses.
#[cfg(windows)]
pub(super) async fn install(paths: &Paths, ssh_auth_sock: bool) -> Result<Told, Failure> {
    let task = Task::of()?;
    let mut steps = task.install()?;
    if ssh_auth_sock {
        steps.push(task.variable(&paths.agent_socket())?);
    }
    step::all(&steps).map(Told)
}

/// Takes the task away, and the variable if it names our pipe.
///
/// # Errors
/// If the scheduler refuses.
#[cfg(windows)]
pub(super) async fn uninstall(paths: &Paths) -> Result<Told, Failure> {
    let task = Task::of()?;
    let mut steps = Vec::new();
    if task.status()? {
        steps.extend(task.uninstall()?);
    }
    if task.has_variable(&paths.agent_socket())? {
        steps.push(task.no_variable()?);
    }
    let mut told = step::all(&steps)?;
    if told.is_empty() {
        told.push("there was no service of pimento's".to_owned());
    }
    Ok(Told(told))
}

/// Tells whether there is a task, and whether the agent answers.
///
/// # Errors
/// If this program or its user cannot be told.
#[cfg(windows)]
pub(super) async fn status(paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let there = Task::of()?.status()?;
    let control = paths.control_socket();
    let answers = crate::control::client::connect(&control).await.is_ok();
    let task = match there {
        true => "starts the agent at logon",
        false => "none: `pimento service install`",
    };
    let agent = if answers { "running" } else { "not running" };
    let value = json!({ "unit": there.then_some(NAME), "agent": agent });
    output.result(&format!("task      {task}\nagent     {agent}"), &value);
    Ok(if answers {
        ExitCode::Done
    } else {
        ExitCode::NoAgent
    })
}

/// What a task depends on.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// This program, with its whole path.
    pub(super) program: PathBuf,
    /// The user's security identifier.
    pub(super) user: String,
    /// The folder of the system's programs: what is called so elsewhere may be somebody else's.
    pub(super) system: PathBuf,
    /// A folder of the user's own, for the file that schtasks reads.
    pub(super) temporary: PathBuf,
}

impl Task {
    #[cfg(windows)]
    fn of() -> Result<Self, Failure> {
        let failed = |what: &str| Failure::failed(format!("{what} cannot be told"));
        let windows = std::env::var_os("SystemRoot").ok_or_else(|| failed("where Windows is"))?;
        let user = crate::requester::this_user().ok_or_else(|| failed("who you are"))?;
        Ok(Self {
            program: std::env::current_exe().map_err(|_| failed("where this program is"))?,
            user: user.to_owned(),
            system: PathBuf::from(windows).join("System32"),
            temporary: std::env::temp_dir().join("pimento"),
        })
    }

    fn program(&self, name: &str) -> Result<String, Failure> {
        text(&self.system.join(name)).map(str::to_owned)
    }

    /// Has every program that the user starts from now on ask the agent on `pipe`.
    pub(super) fn variable(&self, pipe: &Path) -> Result<Step, Failure> {
        let setx = self.program("setx.exe")?;
        Ok(Step::Run(words([&setx, VARIABLE, text(pipe)?])))
    }

    /// Whether that was done.
    pub(super) fn has_variable(&self, pipe: &Path) -> Result<bool, Failure> {
        let reg = self.program("reg.exe")?;
        let pipe = text(pipe)?;
        let found = said(&words([&reg, "query", ENVIRONMENT, "/v", VARIABLE]));
        Ok(found.is_ok_and(|found| found.lines().any(|line| line.trim_end().ends_with(pipe))))
    }

    /// Undoes it.
    pub(super) fn no_variable(&self) -> Result<Step, Failure> {
        let reg = self.program("reg.exe")?;
        let delete = [&reg, "delete", ENVIRONMENT, "/v", VARIABLE, "/f"];
        Ok(Step::Run(words(delete)))
    }

    /// Registers the task and starts it; an older one is replaced.
    pub(super) fn install(&self) -> Result<Vec<Step>, Failure> {
        let file = self.temporary.join("pimento-task.xml");
        let schtasks = self.program("schtasks.exe")?;
        Ok(vec![
            Step::Folder(self.temporary.clone()),
            Step::Write(file.clone(), utf16(&self.text()?)),
            Step::Run(words([
                &schtasks,
                "/Create",
                "/F",
                "/TN",
                NAME,
                "/XML",
                text(&file)?,
            ])),
            Step::Remove(file),
            Step::Run(words([&schtasks, "/Run", "/TN", NAME])),
        ])
    }

    /// Stops the agent and takes the task away.
    pub(super) fn uninstall(&self) -> Result<Vec<Step>, Failure> {
        let schtasks = self.program("schtasks.exe")?;
        Ok(vec![
            Step::Try(words([&schtasks, "/End", "/TN", NAME])),
            Step::Run(words([&schtasks, "/Delete", "/F", "/TN", NAME])),
        ])
    }

    /// Whether there is such a task. What it does is told in the language of the user, so whether the
    /// agent runs is better asked of the agent.
    pub(super) fn status(&self) -> Result<bool, Failure> {
        let schtasks = self.program("schtasks.exe")?;
        Ok(said(&words([&schtasks, "/Query", "/TN", NAME])).is_ok())
    }

    fn text(&self) -> Result<String, Failure> {
        let filled = TASK.replace("@USER@", &escaped(&self.user));
        Ok(filled.replace("@PROGRAM@", &escaped(text(&self.program)?)))
    }
}

/// As schtasks reads it: little-endian, with a mark of that in front.
fn utf16(text: &str) -> Vec<u8> {
    let marked = std::iter::once('\u{feff}').chain(text.chars());
    let mut bytes = Vec::new();
    for character in marked {
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            bytes.extend(unit.to_le_bytes());
        }
    }
    bytes
}

const NAME: &str = "pimento";
const VARIABLE: &str = "SSH_AUTH_SOCK";
const ENVIRONMENT: &str = r"HKCU\Environment";
const TASK: &str = include_str!("../../../packaging/windows/pimento.xml");

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task {
            program: r"C:\Users\Ann & Bob\pimento.exe".into(),
            user: "S-1-5-21-1-2-3-1001".to_owned(),
            system: "system32".into(),
            temporary: "temporary".into(),
        }
    }

    fn runs(steps: &[Step]) -> Vec<String> {
        let line = |step: &Step| match step {
            Step::Run(words) | Step::Try(words) => {
                Some(words.join(std::ffi::OsStr::new(" ")).into_string().unwrap())
            }
            _ => None,
        };
        steps.iter().filter_map(line).collect()
    }

    #[test]
    fn a_task_is_written_for_its_user_alone_registered_and_started() {
        let steps = task().install().unwrap();
        let lines = runs(&steps);
        let [create, run] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        let schtasks = task().program("schtasks.exe").unwrap();
        assert!(create.starts_with(&format!("{schtasks} /Create /F /TN pimento /XML ")));
        assert!(create.ends_with("pimento-task.xml"));
        assert_eq!(run, &format!("{schtasks} /Run /TN pimento"));
        let written = steps.iter().find_map(|step| match step {
            Step::Write(_, bytes) => Some(bytes.clone()),
            _ => None,
        });
        let units: Vec<u16> = written
            .unwrap()
            .chunks(2)
            .map(|pair| u16::from_le_bytes(pair.try_into().unwrap()))
            .collect();
        let text = String::from_utf16(&units).unwrap();
        assert!(text.starts_with("\u{feff}<?xml"), "{text}");
        assert_eq!(
            text.matches("<UserId>S-1-5-21-1-2-3-1001</UserId>").count(),
            2
        );
        let action = r#"--headless "C:\Users\Ann &amp; Bob\pimento.exe" agent"#;
        assert!(text.contains(action), "{text}");
    }

    #[test]
    fn the_file_is_gone_before_the_agent_starts() {
        let steps = task().install().unwrap();
        let gone = steps
            .iter()
            .position(|step| matches!(step, Step::Remove(_)));
        assert_eq!(gone, Some(steps.len() - 2));
    }

    #[test]
    fn a_task_that_does_not_run_can_be_taken_away() {
        let steps = task().uninstall().unwrap();
        assert!(
            matches!(steps.as_slice(), [Step::Try(_), Step::Run(_)]),
            "{steps:?}"
        );
        assert!(runs(&steps).concat().contains("/Delete /F"));
    }

    #[test]
    fn the_variable_is_the_users_own_and_names_the_pipe() {
        let pipe = Path::new(r"\\.\pipe\pimento-S-1-5-21-1-2-3-1001-agent");
        let set = runs(&[task().variable(pipe).unwrap()]).concat();
        assert!(
            set.ends_with(&format!("setx.exe SSH_AUTH_SOCK {}", pipe.display())),
            "{set}"
        );
        let unset = runs(&[task().no_variable().unwrap()]).concat();
        assert!(
            unset.ends_with(r"reg.exe delete HKCU\Environment /v SSH_AUTH_SOCK /f"),
            "{unset}"
        );
        assert!(!task().has_variable(pipe).unwrap());
    }

    #[test]
    fn where_there_is_no_scheduler_there_is_no_task() {
        assert!(!task().status().unwrap());
    }
}
