//! A program that asks: it ends with the question.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap};
use tokio::process::{ChildStdin, ChildStdout, Command};

use crate::clock::Clock;

/// A running program and everything it started; dropping it ends them.
pub(super) struct Running {
    child: Option<Box<dyn ChildWrapper>>,
    manner: Manner,
    clock: Arc<dyn Clock>,
}

/// How a program is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// At once: what it shows is a window, which goes with it.
    Kill,
    /// As by its own time limit (SIGALRM), and killed if it is not gone a second later: it has changed a
    /// terminal, and has to put it right again.
    TimeUp,
}

impl Running {
    /// Starts `command` in a session of its own.
    ///
    /// In the agent's session, a prompt on the agent's own terminal would be a background job, and
    /// be stopped as soon as it reads.
    pub(super) fn start(
        mut command: Command,
        manner: Manner,
        clock: &Arc<dyn Clock>,
    ) -> io::Result<Self> {
        command.kill_on_drop(true);
        let mut wrap = CommandWrap::from(command);
        #[cfg(unix)]
        wrap.wrap(process_wrap::tokio::ProcessSession);
        Ok(Self {
            child: Some(wrap.spawn()?),
            manner,
            clock: Arc::clone(clock),
        })
    }

    pub(super) fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.as_mut()?.stdin().take()
    }

    pub(super) fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.as_mut()?.stdout().take()
    }

    /// Waits for its end; whether it ended well.
    pub(super) async fn ended_well(&mut self) -> bool {
        let Some(child) = &mut self.child else {
            return false;
        };
        let status = child.wait().await;
        // Its id may be another's by now.
        self.child = None;
        status.is_ok_and(|status| status.success())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let runtime = tokio::runtime::Handle::try_current();
        let (Manner::TimeUp, Ok(runtime)) = (self.manner, runtime) else {
            let _ended = child.start_kill();
            return;
        };
        let clock = Arc::clone(&self.clock);
        let _runs_on = runtime.spawn(async move {
            for _ in 0..REMINDERS {
                // One that comes between its look at the time and its read is not noticed.
                #[cfg(unix)]
                let _told = child.signal(rustix::process::Signal::ALARM.as_raw());
                tokio::select! {
                    _ended = child.wait() => return,
                    () = clock.sleep(REMINDER) => {}
                }
            }
            let _killed = child.start_kill();
        });
    }
}

/// A terminal is put right in milliseconds.
const REMINDER: Duration = Duration::from_millis(50);
const REMINDERS: u32 = 20;
