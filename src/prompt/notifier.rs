//! Tells the user something that needs no answer, by `notify-send` or a program like it.
//!
//! It shows up where the one that it concerns sits, as prompts do. What never happens here: a
//! secret, or a wait for a reader.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::session::{Environment, Session};
use crate::requester::Requester;

/// Tells the user something.
pub struct Notifier {
    program: Program,
    own: Environment,
}

/// What shows a notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// `notify-send`, where there is one.
    #[default]
    Standard,
    /// This one; it gets a title and a text.
    At(PathBuf),
    /// None: notices are logged only.
    None,
}

impl Notifier {
    /// Tells by `program`, or in the log only.
    #[must_use]
    pub const fn new(program: Program, own: Environment) -> Self {
        Self { program, own }
    }

    /// Shows `text` where `requester` is; else where the agent is.
    pub async fn tell(&self, text: &str, requester: Option<&Requester>) {
        tracing::info!(text, "notice");
        let program = match &self.program {
            Program::Standard => Path::new("notify-send"),
            Program::At(path) => path,
            Program::None => return,
        };
        let theirs = match requester {
            Some(requester) => Some(Session::of(requester).await),
            None => None,
        };
        // A session without a bus or a display cannot show a notice.
        let theirs = theirs.filter(Session::can_show);
        let session = theirs.unwrap_or_else(|| Session::own(&self.own));
        if self.program == Program::Standard && !session.can_show() {
            return;
        }
        let mut command = session.command(program, &self.own);
        command
            .args(["--", "pimento", text])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let shown = tokio::time::timeout(LONGEST, command.status()).await;
        if !matches!(&shown, Ok(Ok(status)) if status.success()) {
            tracing::debug!(?shown, program = %program.display(), "a notice was not shown");
        }
    }
}

/// It hands the text to a desktop's service and ends.
const LONGEST: Duration = Duration::from_secs(5);
