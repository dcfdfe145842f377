//! The command: found before a password is asked for.

use std::ffi::{OsStr, OsString};
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;

use tokio::process::Command;

use super::super::Failure;
use super::file::Files;
use crate::control::proto;

/// A program that is there, and its arguments.
pub(super) struct Program {
    name: OsString,
    arguments: Vec<OsString>,
}

impl Program {
    /// Finds the program of `command`.
    pub(super) fn find(command: Vec<OsString>) -> Result<Self, Failure> {
        let mut words = command.into_iter();
        let name = words.next().unwrap_or_default();
        let path = std::env::var_os("PATH");
        look(&name, path.as_deref()).map_err(|absence| {
            absence.failure(&name.to_string_lossy(), "; nobody was asked for a password")
        })?;
        Ok(Self {
            name,
            arguments: words.collect(),
        })
    }

    /// Its name, for messages.
    pub(super) fn name(&self) -> String {
        let name = Path::new(&self.name).file_name().unwrap_or(&self.name);
        name.to_string_lossy().into_owned()
    }

    /// The command to be run, with the paths of `files` in its arguments.
    pub(super) fn command(&self, files: &Files) -> Command {
        let mut command = Command::new(&self.name);
        command.args(self.arguments.iter().map(|word| placed(word, files)));
        command
    }
}

/// `word` with the paths of files in place of their names in braces.
fn placed(word: &OsStr, files: &Files) -> OsString {
    // What is not text has no name of a file in it that anybody could have typed.
    let Some(text) = word.to_str() else {
        return word.to_owned();
    };
    let place =
        |text: String, (name, path): (&str, &str)| text.replace(&format!("{{{name}}}"), path);
    files.paths().fold(text.to_owned(), place).into()
}

/// Why a program cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    NotExecutable,
    NotFound,
}

impl Absence {
    /// What a failed start says.
    pub(super) fn of(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound,
            _ => Self::NotExecutable,
        }
    }

    /// With the exit code that shells, env and nohup have for it.
    pub(super) fn failure(self, program: &str, why: &str) -> Failure {
        let (code, exit_code, what, advice) = match self {
            Self::NotExecutable => (
                "not_executable",
                126,
                "cannot be executed",
                "see its permissions with `ls -l`",
            ),
            Self::NotFound => (
                "not_found",
                127,
                "was not found",
                "correct its name, or PATH",
            ),
        };
        Failure(Box::new(proto::Refusal {
            code: code.to_owned(),
            message: format!("{program} {what}{why}"),
            advice: advice.to_owned(),
            exit_code,
            needed: None,
        }))
    }
}

/// Looks for `name` as the system will when it starts it.
#[cfg(unix)]
fn look(name: &OsStr, path: Option<&OsStr>) -> Result<(), Absence> {
    if name.is_empty() {
        return Err(Absence::NotFound);
    }
    let places: Vec<PathBuf> = if name.as_encoded_bytes().contains(&b'/') {
        vec![name.into()]
    } else {
        let path = path.unwrap_or(OsStr::new("/bin:/usr/bin"));
        let folders = std::env::split_paths(path);
        folders.map(|folder| folder.join(name)).collect()
    };
    let executable =
        |it: &PathBuf| it.is_file() && rustix::fs::access(it, rustix::fs::Access::EXEC_OK).is_ok();
    match places {
        places if places.iter().any(executable) => Ok(()),
        places if places.iter().any(|it| it.exists()) => Err(Absence::NotExecutable),
        _ => Err(Absence::NotFound),
    }
}

/// The system has rules of its own, and tells when it starts it.
#[cfg(not(unix))]
fn look(_: &OsStr, _: Option<&OsStr>) -> Result<(), Absence> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, mode| {
            let path = folder.path().join(name);
            std::fs::write(&path, "").unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            path
        };
        let (yes, no) = (file("yes", 0o755), file("no", 0o644));
        let path = format!("/nowhere:{}", folder.path().display());
        let look = |name: &OsStr| look(name, Some(OsStr::new(&path)));
        assert_eq!(look(OsStr::new("yes")), Ok(()));
        assert_eq!(look(yes.as_os_str()), Ok(()));
        assert_eq!(look(OsStr::new("no")), Err(Absence::NotExecutable));
        assert_eq!(look(no.as_os_str()), Err(Absence::NotExecutable));
        assert_eq!(look(folder.path().as_os_str()), Err(Absence::NotExecutable));
        for absent in ["", "absent", "./yes", "/nowhere/yes"] {
            assert_eq!(look(OsStr::new(absent)), Err(Absence::NotFound), "{absent}");
        }
    }
}
