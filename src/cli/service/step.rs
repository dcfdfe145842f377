//! What setting up a service does to the system, one thing after the other.
//!
//! A plan is made of these before anything is done, so that it can be shown and tested anywhere.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::Failure;
use crate::harden;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A folder for its owner alone; one that is there stays as it is.
    Folder(PathBuf),
    /// Waits until a program of the system's fails: what it looks for is gone then.
    #[cfg_attr(windows, allow(dead_code, reason = "only launchd takes a moment"))]
    Gone(Vec<OsString>),
    /// Takes a file away; that there is none is no failure.
    Remove(PathBuf),
    /// A program of the system's that has to succeed.
    Run(Vec<OsString>),
    /// A program of the system's that fails where there is nothing to do.
    Try(Vec<OsString>),
    /// A whole file.
    Write(PathBuf, Vec<u8>),
}

/// A path for a file or a command line of the system's, which are text.
///
/// # Errors
/// If it is none.
pub(super) fn text(path: &Path) -> Result<&str, Failure> {
    let untold = || Failure::failed(format!("the system cannot be told of {}", path.display()));
    path.to_str().ok_or_else(untold)
}

impl Step {
    /// What was done, for the person who asked for it.
    pub(super) fn told(&self) -> Option<String> {
        match self {
            Self::Folder(_) | Self::Gone(_) | Self::Try(_) | Self::Remove(_) => None,
            Self::Run(words) => Some(format!("ran {}", line(words))),
            Self::Write(file, _) => Some(format!("wrote {}", file.display())),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// If the system refuses; what went before stays done.
    pub(super) fn take(&self) -> Result<(), Failure> {
        let failed = |what: String, error: std::io::Error| {
            Failure::failed(format!("{what} cannot be written: {error}"))
        };
        match self {
            Self::Folder(folder) => harden::private_folder(folder)
                .map_err(|error| failed(folder.display().to_string(), error)),
            Self::Gone(words) => gone(words),
            Self::Remove(file) => match std::fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    Err(failed(file.display().to_string(), error))
                }
                _ => Ok(()),
            },
            Self::Run(words) => said(words).map(|_| ()),
            Self::Try(words) => {
                let _nothing_to_do_else = said(words).is_ok();
                Ok(())
            }
            Self::Write(file, text) => std::fs::write(file, text)
                .map_err(|error| failed(file.display().to_string(), error)),
        }
    }
}

fn gone(words: &[OsString]) -> Result<(), Failure> {
    for _ in 0..LOOKS {
        if said(words).is_err() {
            return Ok(());
        }
        std::thread::sleep(BETWEEN);
    }
    let line = line(words);
    Err(Failure::failed(format!(
        "`{line}` still finds what should be gone; run this again"
    )))
}

/// How often, and after which time, it is looked whether something is gone: ten seconds in all.
const LOOKS: u32 = 100;
const BETWEEN: std::time::Duration = std::time::Duration::from_millis(100);

/// Does all of `steps`, and tells of what a person would want to know.
///
/// # Errors
/// As [`Step::take`]; the rest is not done.
#[cfg(any(target_os = "macos", windows))]
pub(super) fn all(steps: &[Step]) -> Result<Vec<String>, Failure> {
    let mut told = Vec::new();
    for step in steps {
        step.take()?;
        told.extend(step.told());
    }
    Ok(told)
}

/// What a program prints.
///
/// # Errors
/// If it cannot be run, or does not end well; the message has what it complained of.
pub(super) fn said(words: &[OsString]) -> Result<String, Failure> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(String::new());
    };
    let line = line(words);
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::failed(format!("`{line}` cannot be run: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(Failure::failed(format!(
        "`{line}` ended with {}: {}",
        output.status,
        complaint.trim()
    )))
}

fn line(words: &[OsString]) -> String {
    let line = words.join(std::ffi::OsStr::new(" "));
    line.to_string_lossy().into_owned()
}

/// The words of a command.
pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.into_iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_is_named_with_its_complaint() {
        let failing = words(["sh", "-c", "echo no such service >&2; exit 3"]);
        let Err(failure) = Step::Run(failing.clone()).take() else {
            panic!("it succeeded");
        };
        assert!(failure.0.message.contains("no such service"), "{failure:?}");
        assert!(failure.0.message.contains("sh -c"), "{failure:?}");
        assert!(Step::Try(failing.clone()).take().is_ok());
        assert!(Step::Run(failing).told().unwrap().starts_with("ran sh -c"));
        assert!(Step::Run(words(["/nowhere/launchctl"])).take().is_err());
        assert_eq!(said(&words(["echo", "yes"])).unwrap(), "yes\n");
    }

    #[cfg(unix)]
    #[test]
    fn what_takes_a_moment_to_go_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("asked");
        // It is still there when it is asked for first.
        let once = format!("mkdir {} 2>/dev/null", mark.display());
        Step::Gone(words(["sh", "-c", &once])).take().unwrap();
        assert!(mark.exists());
        assert_eq!(Step::Gone(words(["true"])).told(), None);
    }

    #[test]
    fn a_file_is_written_and_taken_away_and_no_file_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("below/it");
        Step::Folder(folder.path().join("below")).take().unwrap();
        Step::Write(file.clone(), b"text".to_vec()).take().unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"text");
        Step::Remove(file.clone()).take().unwrap();
        Step::Remove(file.clone()).take().unwrap();
        assert!(!file.exists());
        assert!(
            Step::Write(folder.path().join("no/where"), Vec::new())
                .take()
                .is_err()
        );
    }
}
