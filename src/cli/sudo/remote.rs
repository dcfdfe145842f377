//! sudo on another host, through ssh: the password is written when sudo asks for it, not before.
//!
//! Without a terminal there, sudo asks on stderr and reads from stdin (`-S`). With one, it asks on
//! that terminal, and what a person types passes through here as well.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{ExitCode as Exit, Stdio};

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::super::output::Output;
use super::super::person::Person;
use super::super::{Agent, Failure, askpass, password, shell_code, terminal};
use super::host::{Host, quoted};
use super::sentinel::{Part, Sentinel};
use super::{Args, not_started};
use crate::control::proto::ExpectReply;

/// Runs the command there; its exit code is ours.
pub(super) async fn run(
    args: &Args,
    host: &Host,
    announced: ExpectReply,
    agent: Agent,
    output: &Output,
    mut person: Person,
) -> Result<Exit, Failure> {
    let line = line(args, &announced.prompt)?;
    let session = if args.tty {
        Session::with_terminal(host.ssh(&["-tt"]), &line)
    } else {
        Session::plain(host.ssh(&["-T"]), &line)
    };
    let session = session.map_err(|error| not_started("ssh", &error))?;
    let mut sentinel = Sentinel::new(&announced.begins, &announced.ends);
    session
        .watched(&mut sentinel, args, async |prompt: String| {
            askpass::answered(&agent, output, &prompt, std::process::id(), &mut person).await
        })
        .await
}

/// The command line for the host's shell.
fn line(args: &Args, prompt: &str) -> Result<String, Failure> {
    let mut words = vec!["sudo"];
    if !args.tty {
        words.push("-S");
    }
    words.extend(["-p", prompt]);
    if let Some(user) = &args.user {
        words.extend(["-u", user]);
    }
    words.push("--");
    let started = format!(
        "printf %s {} >&2; exec \"$@\"",
        quoted(&[&prompt.replace("%p", STARTED)])?
    );
    if args.stdin {
        // Says that sudo has let it begin: what comes in before would be taken for a password.
        words.extend(["sh", "-c", &started, "sh"]);
    }
    words.extend(args.command.iter().map(String::as_str));
    quoted(&words)
}

/// ssh while it runs.
struct Session {
    ssh: Child,
    /// Where the prompt comes from, and what is around it.
    from: Box<dyn AsyncRead + Unpin>,
    /// Where that goes.
    to: Box<dyn AsyncWrite + Unpin>,
    /// Where the password goes; closed when there is nothing more to say.
    stdin: Option<Box<dyn AsyncWrite + Unpin>>,
    /// Our end of its terminal, to make it as large as the person's.
    terminal: Option<OwnedFd>,
}

impl Session {
    fn plain(mut ssh: Command, line: &str) -> std::io::Result<Self> {
        ssh.arg(line).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut ssh = ssh.kill_on_drop(true).spawn()?;
        let (from, stdin) = (ssh.stderr.take(), ssh.stdin.take());
        let gone = || std::io::Error::other("its streams are gone");
        Ok(Self {
            from: Box::new(from.ok_or_else(gone)?),
            to: Box::new(own(rustix::stdio::stderr())?),
            stdin: Some(Box::new(stdin.ok_or_else(gone)?)),
            terminal: None,
            ssh,
        })
    }

    /// ssh gives the host's terminal the size of its own standard input, and lets keys pass.
    fn with_terminal(mut ssh: Command, line: &str) -> std::io::Result<Self> {
        let (ours, theirs) = terminal::pair(rustix::stdio::stdin())?;
        ssh.arg(line).stdin(theirs).stdout(Stdio::piped());
        let mut ssh = ssh.kill_on_drop(true).spawn()?;
        let from = ssh.stdout.take();
        let writer = own(ours.as_fd())?;
        Ok(Self {
            from: Box::new(from.ok_or_else(|| std::io::Error::other("its streams are gone"))?),
            to: Box::new(own(rustix::stdio::stdout())?),
            stdin: Some(Box::new(writer)),
            terminal: Some(ours),
            ssh,
        })
    }

    /// Passes everything on, and answers the prompt.
    async fn watched(
        mut self,
        sentinel: &mut Sentinel,
        args: &Args,
        mut answer: impl AsyncFnMut(String) -> Result<password::Released, Failure>,
    ) -> Result<Exit, Failure> {
        let mut resized = resized()?;
        let mut keys = Keys::new().map_err(|error| Failure::failed(error.to_string()))?;
        let (mut buffer, mut typed) = (vec![0; 8192], vec![0; 8192]);
        loop {
            tokio::select! {
                count = self.from.read(&mut buffer) => {
                    let Ok(count @ 1..) = count else { break };
                    // What is typed before would be taken for an answer to ssh itself.
                    keys.pass |= args.tty;
                    if args.tty && keys.raw.is_none() {
                        keys.raw = terminal::Raw::stdin();
                    }
                    for part in sentinel.feed(buffer.get(..count).unwrap_or_default()) {
                        match part {
                            Part::Text(text) => self.show(&text).await?,
                            Part::Prompt(prompt) if prompt.contains(STARTED) => keys.pass = true,
                            Part::Prompt(prompt) => {
                                self.give(&answer(prompt).await?).await?;
                                if !args.tty && !args.stdin {
                                    self.stdin = None;
                                }
                            }
                        }
                    }
                }
                count = keys.stdin.read(&mut typed), if keys.pass && self.stdin.is_some() => {
                    self.type_in(typed.get(..count.unwrap_or(0)).unwrap_or_default()).await;
                }
                _ = resized.recv(), if self.terminal.is_some() => self.resize(),
            }
        }
        self.show(&sentinel.rest()).await?;
        let status = self.ssh.wait().await;
        drop(keys);
        let ended = status.map_err(|error| Failure::failed(format!("ssh was lost: {error}")))?;
        Ok(shell_code(ended))
    }

    async fn show(&mut self, text: &[u8]) -> Result<(), Failure> {
        let shown = self.to.write_all(text).await;
        shown.map_err(|error| Failure::failed(format!("nobody reads the output: {error}")))?;
        let flushed = self.to.flush().await;
        flushed.map_err(|error| Failure::failed(format!("nobody reads the output: {error}")))
    }

    /// Writes the password and a line break, in one piece.
    async fn give(&mut self, released: &password::Released) -> Result<(), Failure> {
        let mut line = zeroize::Zeroizing::new(Vec::with_capacity(released.password.len() + 1));
        line.extend_from_slice(&released.password);
        line.push(b'\n');
        let gone = || Failure::failed("ssh ended before it took the password");
        let stdin = self.stdin.as_mut().ok_or_else(gone)?;
        stdin.write_all(&line).await.map_err(|_| gone())?;
        stdin.flush().await.map_err(|_| gone())
    }

    /// Passes on what comes in here; its end is passed on as well.
    async fn type_in(&mut self, keys: &[u8]) {
        let passed = match &mut self.stdin {
            Some(stdin) if !keys.is_empty() => {
                stdin.write_all(keys).await.is_ok() && stdin.flush().await.is_ok()
            }
            _ => false,
        };
        if !passed {
            self.stdin = None;
        }
    }

    fn resize(&self) {
        if let Some(terminal) = &self.terminal {
            let _stays_as_it_was = terminal::resize(terminal, rustix::stdio::stdin());
        }
    }
}

/// What comes in here, and whether it is for the command yet.
struct Keys {
    pass: bool,
    stdin: File,
    raw: Option<terminal::Raw>,
}

impl Keys {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            pass: false,
            stdin: own(rustix::stdio::stdin())?,
            raw: None,
        })
    }
}

/// One of our own streams, to be read or written beside other work.
fn own(stream: BorrowedFd<'_>) -> std::io::Result<File> {
    Ok(File::from_std(stream.try_clone_to_owned()?.into()))
}

fn resized() -> Result<Signal, Failure> {
    signal(SignalKind::window_change()).map_err(|error| Failure::failed(error.to_string()))
}

/// An account that no system has: the prompt of this one says that the command begins.
const STARTED: &str = ".started.";
