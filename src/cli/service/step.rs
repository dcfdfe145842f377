//! What setting up a service does to the system, one thing after the other.
//!
//! A plan is made of these before anything is done, so that it can be shown and tested anywhere.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::super::Failure;
use crate::harden;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A folder for its owner alone; one that is there stays as it is.
    Folder(PathBuf),
    /// Takes a file away; that there is none is no failure.
    Remove(PathBuf),
    /// A program of the system's that has to succeed.
    Run(Vec<OsString>),
    /// A program of the system's that fails where there is nothing to do.
    Try(Vec<OsString>),
    /// A whole file.
    Write(PathBuf, Vec<u8>),
}

impl Step {
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

/// What a program prints.
///
/// # Errors
/// If it cannot be run, or does not end well; the message has what it complained of.
pub(super) fn said(words: &[OsString]) -> Result<String, Failure> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(String::new());
    };
    let line = words.join(std::ffi::OsStr::new(" "));
    let line = line.to_string_lossy();
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

/// The words of a command.
pub(super) fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.into_iter().map(OsString::from).collect()
}

/// A text between the tags of XML, or in quotes there.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_would_take_for_its_own_is_escaped() {
        assert_eq!(escaped("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
        assert_eq!(escaped("/Users/änn/x y"), "/Users/änn/x y");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_fails_is_named_with_its_complaint() {
        let failing = words(["sh", "-c", "echo no such service >&2; exit 3"]);
        let Err(failure) = Step::Run(failing.clone()).take() else {
            panic!("it succeeded");
        };
        assert!(failure.0.message.contains("no such service"), "{failure:?}");
        assert!(failure.0.message.contains("sh -c"), "{failure:?}");
        assert!(Step::Try(failing).take().is_ok());
        assert!(Step::Run(words(["/nowhere/launchctl"])).take().is_err());
        assert_eq!(said(&words(["echo", "yes"])).unwrap(), "yes\n");
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
