//! The askpass convention of OpenSSH: the question is an argument, the answer comes on stdout.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncReadExt;

use super::child::{Manner, Running};
use super::session::{Environment, Session};
use super::{Answer, Desk, Unusable, Wanted};

/// Which program asks, by the agent's own configuration and environment.
pub(super) struct Askpass {
    program: Option<OsString>,
    require: Require,
}

/// `SSH_ASKPASS_REQUIRE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Require {
    /// Also without a display.
    Force,
    /// Not at all.
    Never,
    /// Wherever there is a display.
    Prefer,
}

impl Askpass {
    /// The program that `configured` or `own` name.
    ///
    /// Never one that the requester's environment names, or it could confirm for itself.
    pub(super) fn new(configured: Option<&Path>, own: &Environment) -> Self {
        let named = || own.get("SSH_ASKPASS").map(OsStr::to_owned);
        let configured = configured.map(|path| path.as_os_str().to_owned());
        Self {
            // Our own helper would ask the agent, which asks it again.
            program: configured.or_else(|| named().filter(|it| !is_ours(Path::new(it)))),
            require: match own.get("SSH_ASKPASS_REQUIRE").and_then(OsStr::to_str) {
                Some("force") => Require::Force,
                Some("never") => Require::Never,
                _ => Require::Prefer,
            },
        }
    }

    /// Asks in `session`.
    ///
    /// # Errors
    /// If this way of asking is not to be had there.
    pub(super) async fn ask(
        &self,
        desk: &Desk,
        session: &Session,
        text: &str,
        wanted: Wanted,
    ) -> Result<Answer, Unusable> {
        if self.require == Require::Never {
            return Err(Unusable("SSH_ASKPASS_REQUIRE is never".to_owned()));
        }
        let program = self.program.clone().or_else(standard);
        let program = program.ok_or_else(|| Unusable("there is no ssh-askpass".to_owned()))?;
        if self.require == Require::Prefer && !session.has_display() {
            return Err(Unusable("there is no display for askpass".to_owned()));
        }
        let program = Path::new(&program);
        let mut command = session.command(program, &desk.own);
        if wanted == Wanted::Yes {
            command.env("SSH_ASKPASS_PROMPT", "confirm");
        }
        command
            .arg(text)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let started = Running::start(command, Manner::Kill, &desk.clock);
        let mut running = started
            .map_err(|error| Unusable(format!("{} cannot run: {error}", program.display())))?;
        let mut output = Vec::new();
        if let Some(stdout) = running.stdout() {
            // What is longer is cut here, and its writer then has nobody to write to.
            let mut stdout = stdout.take(LONGEST_ANSWER + 1);
            if stdout.read_to_end(&mut output).await.is_err() {
                return Ok(Answer::No);
            }
        }
        let answered = running.ended_well().await && output.len() as u64 <= LONGEST_ANSWER;
        Ok(if answered {
            answer(&output, wanted)
        } else {
            Answer::No
        })
    }
}

fn answer(output: &[u8], wanted: Wanted) -> Answer {
    let Ok(text) = std::str::from_utf8(output) else {
        return Answer::No;
    };
    match wanted {
        Wanted::Text => Answer::Text(text.lines().next().unwrap_or_default().to_owned()),
        Wanted::Yes => {
            let said = text.trim_end_matches(['\r', '\n']);
            if said.is_empty() || said.eq_ignore_ascii_case("yes") {
                Answer::Yes
            } else {
                Answer::No
            }
        }
    }
}

/// Whether that is pimento's own helper, which does not ask but answers.
#[must_use]
pub fn is_ours(program: &Path) -> bool {
    let stem = program.file_stem();
    stem.is_some_and(|stem| stem == "pimento-askpass" || stem == "pimento")
}

/// Looked up at each question: it may have been installed since.
fn standard() -> Option<OsString> {
    let mut places = STANDARD.iter().map(PathBuf::from);
    places.find(|place| place.is_file()).map(OsString::from)
}

/// Where OpenSSH itself and the distributions have it.
const STANDARD: [&str; 6] = [
    "/usr/bin/ssh-askpass",
    "/usr/libexec/openssh/ssh-askpass",
    "/usr/lib/ssh/ssh-askpass",
    "/usr/lib/openssh/ssh-askpass",
    "/usr/local/bin/ssh-askpass",
    "/usr/X11R6/bin/ssh-askpass",
];

/// In bytes; OpenSSH reads no more either.
const LONGEST_ANSWER: u64 = 1023;
