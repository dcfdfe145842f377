//! Tells the user something that needs no answer: by the desktop's notifications, by `notify-send` or a
//! program like it, else on the terminal of the one that it concerns; there first if that person came
//! in by SSH, who does not see this machine's desktop.
//!
//! What never happens here: a secret, or a wait for a reader.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::session::{Environment, Session};
use super::{Bus, terminal};
use crate::requester::Requester;

/// Tells the user something.
pub struct Notifier {
    program: Program,
    own: Environment,
    bus: Option<Bus>,
}

/// What shows a notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Program {
    /// The desktop's notifications, else `notify-send` where there is one.
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
    pub fn new(program: Program, own: Environment) -> Self {
        let bus = Bus::of(&own).filter(|_| program == Program::Standard);
        Self { program, own, bus }
    }

    /// Shows `text` on the agent's desktop, else where `requester` is.
    pub async fn tell(&self, text: &str, requester: Option<&Requester>) {
        tracing::info!(text, "notice");
        let theirs = match requester {
            Some(requester) => Some(Session::of(requester).await),
            None => None,
        };
        let remote = theirs.as_ref().is_some_and(|it| it.remote);
        let at_terminal = || requester.is_some_and(|it| terminal::tell(it, text));
        if self.program == Program::Standard && remote && at_terminal() {
            return;
        }
        if let Some(bus) = &self.bus {
            match bus.tell(text).await {
                Ok(()) => return,
                Err(error) => tracing::debug!(error = error.0, "a notice was not shown"),
            }
        }
        let shown = match &self.program {
            Program::None => return,
            Program::At(path) => self.run(path, text, theirs).await,
            Program::Standard => self.run(Path::new("notify-send"), text, theirs).await,
        };
        let _told = shown || at_terminal();
    }

    /// Has a program show `text` in the session `theirs`; else where the agent is.
    async fn run(&self, program: &Path, text: &str, theirs: Option<Session>) -> bool {
        // A session without a bus or a display cannot show a notice.
        let theirs = theirs.filter(Session::can_show);
        let session = theirs.unwrap_or_else(|| Session::own(&self.own));
        if self.program == Program::Standard && !session.can_show() {
            return false;
        }
        let mut command = session.command(program, &self.own);
        if self.program == Program::Standard {
            // notify-send's options end here; a program of somebody's need not know of options.
            command.arg("--");
        }
        command
            .args(["pimento", text])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let shown = tokio::time::timeout(LONGEST, command.status()).await;
        let ended = matches!(&shown, Ok(Ok(status)) if status.success());
        if !ended {
            tracing::debug!(?shown, program = %program.display(), "a notice was not shown");
        }
        ended
    }
}

/// It hands the text to a desktop's service and ends.
const LONGEST: Duration = Duration::from_secs(5);
