//! The command while it runs: what reaches it, and how it ends.

use std::process::ExitCode as Exit;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child as Process, Command};

use super::super::output::Output;
use super::super::{Failure, shell_code};
use super::ends::{Change, Ends};
use super::file::Files;
use super::mask::Forms;
use super::program::Absence;
use super::signals::{self, Notice, Signal, Signals};
use super::streams::Streams;
use crate::clock::{Clock, SystemClock};

/// A command that runs.
pub(super) struct Child {
    name: String,
    process: Process,
    signals: Signals,
    streams: Streams,
    files: Files,
    /// Whether it was told that its passwords end.
    told: bool,
}

impl Child {
    /// Starts `command`, with masks for `forms` where there are any.
    pub(super) fn start(
        mut command: Command,
        name: String,
        forms: Option<Arc<Forms>>,
        files: Files,
    ) -> Result<Self, Failure> {
        let attach = |forms: &Arc<Forms>| Streams::attach(&mut command, forms);
        let streams = forms.filter(|forms| !forms.is_empty());
        let streams = streams.as_ref().map(attach).transpose();
        let streams = streams
            .map_err(|error| Failure::failed(format!("its output cannot be masked: {error}")))?
            .unwrap_or_default();
        // Before there is anybody who could be left alone by one.
        let signals = Signals::listen()?;
        let process = command
            .spawn()
            .map_err(|error| Absence::of(&error).failure(&name, &format!(": {error}")))?;
        Ok(Self {
            name,
            process,
            signals,
            streams,
            files,
            told: false,
        })
    }

    /// Waits until it ends, and meanwhile tells it when its passwords do.
    pub(super) async fn watched(
        mut self,
        mut ends: Ends,
        notice: Notice,
        output: &Output,
    ) -> Result<Exit, Failure> {
        for (window, left) in ends.too_soon().filter(|_| notice.0.is_some()) {
            output.hint(&format!(
                "pimento: window {window} ends in {} s, which is too soon for --before",
                left.as_secs()
            ));
        }
        let status = loop {
            tokio::select! {
                status = self.process.wait() => break status,
                signal = self.signals.next() => self.pass_on(signal),
                change = ends.next() => output.hint(&self.tell(change, notice)),
            }
        };
        let status = status.map_err(|error| {
            Failure::failed(format!("{} cannot be waited for: {error}", self.name))
        })?;
        self.files = Files::default();
        self.drain(output).await;
        Ok(shell_code(status))
    }

    /// Passes on what the command still would get without us.
    fn pass_on(&mut self, signal: Signal) {
        #[cfg(unix)]
        if signal == Signal::WINCH {
            // It has come to the command too, which may have looked before the size was right.
            if self.streams.resize() {
                self.send(signal);
            }
            return;
        }
        if !signals::is_the_terminals(signal) {
            self.send(signal);
        }
    }

    /// Tells the command of a change, once; says what was done.
    fn tell(&mut self, change: Change, notice: Notice) -> String {
        let (mut said, ended) = match change {
            Change::Unwatched => {
                let hint = "pimento: the agent is gone; from here on only the clock tells when the \
                            passwords end";
                return hint.to_owned();
            }
            Change::Near(window, left) => (
                format!("window {window} ends in {} s", left.as_secs()),
                None,
            ),
            Change::Closed(window) => (format!("window {window} was closed"), Some(window)),
            Change::Ended(window) => (format!("window {window} has ended"), Some(window)),
        };
        if ended.is_some_and(|window| self.files.end(&window)) {
            said.push_str("; its files are gone");
        }
        match notice.0.filter(|_| !self.told) {
            Some((signal, word)) => {
                self.send(signal);
                said.push_str(&format!("; {} was sent {word}", self.name));
            }
            None => said.push_str(&format!("; {} runs on", self.name)),
        }
        self.told = true;
        format!("pimento: {said}")
    }

    /// Sends a signal to the command; its id is its own until it was waited for.
    #[cfg(unix)]
    fn send(&self, signal: Signal) {
        use rustix::process::{Pid, kill_process};
        let id = self.process.id().and_then(|id| i32::try_from(id).ok());
        if let Some(process) = id.and_then(Pid::from_raw) {
            let _ended_meanwhile = kill_process(process, signal);
        }
    }

    #[cfg(not(unix))]
    fn send(&mut self, Signal::Kill: Signal) {
        let _ended_meanwhile = self.process.start_kill();
    }

    /// Waits for the end of the output: something that the command started may still print.
    async fn drain(&mut self, output: &Output) {
        let signals = &mut self.signals;
        let signal = async { while !signals::ends(signals.next().await) {} };
        let hint = async {
            SystemClock.sleep(A_WHILE).await;
            output.hint(&format!(
                "pimento: {} has ended; something that it started still has its output (Ctrl-C \
                 leaves it alone)",
                self.name
            ));
            std::future::pending().await
        };
        tokio::select! {
            () = self.streams.ended() => {}
            () = signal => {}
            () = hint => {}
        }
    }
}

/// How long output may outlast its command before the person is told why nothing happens.
const A_WHILE: Duration = Duration::from_secs(2);
