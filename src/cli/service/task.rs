//! The task scheduler (Windows): a task at the user's logon.
//!
//! Enters: where the program is, and whose the task is. Leaves: the steps that set it up or take it
//! away. What never happens here: anything that needs an administrator, or a stored password.

use std::path::{Path, PathBuf};

use super::super::Failure;
use super::step::{Step, escaped, said, words};

/// What a task depends on.
#[derive(Clone, Debug)]
pub(super) struct Task {
    /// This program, with its whole path.
    pub(super) program: PathBuf,
    /// The user's security identifier.
    pub(super) user: String,
    /// `schtasks.exe`, with its whole path: whatever else is called so may be somebody else's.
    pub(super) schtasks: PathBuf,
    /// A folder of the user's own, for the file that schtasks reads.
    pub(super) temporary: PathBuf,
}

impl Task {
    /// Registers the task and starts it; an older one is replaced.
    pub(super) fn install(&self) -> Result<Vec<Step>, Failure> {
        let file = self.temporary.join("pimento-task.xml");
        let schtasks = text(&self.schtasks)?;
        Ok(vec![
            Step::Folder(self.temporary.clone()),
            Step::Write(file.clone(), utf16(&self.text()?)),
            Step::Run(words([
                schtasks,
                "/Create",
                "/F",
                "/TN",
                NAME,
                "/XML",
                text(&file)?,
            ])),
            Step::Remove(file),
            Step::Run(words([schtasks, "/Run", "/TN", NAME])),
        ])
    }

    /// Stops the agent and takes the task away.
    pub(super) fn uninstall(&self) -> Result<Vec<Step>, Failure> {
        let schtasks = text(&self.schtasks)?;
        Ok(vec![
            Step::Try(words([schtasks, "/End", "/TN", NAME])),
            Step::Run(words([schtasks, "/Delete", "/F", "/TN", NAME])),
        ])
    }

    /// Whether there is such a task. What it does is told in the language of the user, so whether the
    /// agent runs is better asked of the agent.
    pub(super) fn status(&self) -> Result<bool, Failure> {
        let schtasks = text(&self.schtasks)?;
        Ok(said(&words([schtasks, "/Query", "/TN", NAME])).is_ok())
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

fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| {
        Failure::failed(format!("schtasks.exe cannot be told of {}", path.display()))
    })
}

const NAME: &str = "pimento";
const TASK: &str = include_str!("../../../packaging/windows/pimento.xml");

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> Task {
        Task {
            program: r"C:\Users\Ann & Bob\pimento.exe".into(),
            user: "S-1-5-21-1-2-3-1001".to_owned(),
            schtasks: r"C:\Windows\System32\schtasks.exe".into(),
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
        let schtasks = r"C:\Windows\System32\schtasks.exe";
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
    fn where_there_is_no_scheduler_there_is_no_task() {
        assert!(!task().status().unwrap());
    }
}
