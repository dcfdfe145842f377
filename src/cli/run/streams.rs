//! What a command prints, on its way through the masks.
//!
//! A stream that would go to a terminal goes to another terminal first, any other to a pipe. Where
//! stdout and stderr are one file, they stay one, so that lines keep their order.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd as Owned};
#[cfg(windows)]
use std::os::windows::io::OwnedHandle as Owned;
use std::sync::Arc;

use tokio::process::Command;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

#[cfg(unix)]
use super::super::terminal;
use super::mask::{Forms, Masker};

/// The streams of a command that are masked.
#[derive(Default)]
pub(super) struct Streams {
    ends: Vec<oneshot::Receiver<()>>,
    /// Terminals that are as large as another one, which stands beside them.
    #[cfg(unix)]
    terminals: Vec<(Owned, Owned)>,
}

impl Streams {
    /// Leads the output of `command` through masks. They end when nobody can write to them any
    /// more, so `command` has to be dropped.
    pub(super) fn attach(command: &mut Command, forms: &Arc<Forms>) -> io::Result<Self> {
        let mut streams = Self::default();
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let (ours, commands) = streams.way(&stdout)?;
        if same(&stdout, &stderr) {
            command.stderr(commands.try_clone()?);
        } else {
            let (ours, commands) = streams.way(&stderr)?;
            command.stderr(commands);
            streams.lead(ours, stderr, forms)?;
        }
        command.stdout(commands);
        streams.lead(ours, stdout, forms)?;
        Ok(streams)
    }

    /// Makes the terminals as large as the person's now is; tells whether there are any.
    #[cfg(unix)]
    pub(super) fn resize(&self) -> bool {
        for (ours, like) in &self.terminals {
            let _as_it_was_else = terminal::resize(ours, like);
        }
        !self.terminals.is_empty()
    }

    /// Returns once everything that was printed has been passed on.
    pub(super) async fn ended(&mut self) {
        for end in &mut self.ends {
            let _ended_either_way = end.await;
        }
    }

    /// Both ends of a way to `target`: ours, and the command's.
    #[cfg(unix)]
    fn way(&mut self, target: &(impl AsFd + IsTerminal)) -> io::Result<(Owned, Owned)> {
        if !target.is_terminal() {
            return pipe();
        }
        let (ours, commands) = terminal::pair(target)?;
        let like = target.as_fd().try_clone_to_owned()?;
        self.terminals.push((ours.try_clone()?, like));
        Ok((ours, commands))
    }

    #[cfg(not(unix))]
    fn way(&mut self, _: &impl IsTerminal) -> io::Result<(Owned, Owned)> {
        pipe()
    }

    /// Passes on what comes, on a thread of its own: whoever reads it may be slow.
    fn lead(
        &mut self,
        from: Owned,
        to: impl Write + Send + 'static,
        forms: &Arc<Forms>,
    ) -> io::Result<()> {
        let masker = Masker::new(Arc::clone(forms));
        let (ended, end) = oneshot::channel::<()>();
        std::thread::Builder::new().spawn(move || {
            // If nobody reads it any more, the command learns it as it would without us.
            let _nobody_reads_it = pass_on(File::from(from), to, masker);
            drop(ended);
        })?;
        self.ends.push(end);
        Ok(())
    }
}

fn pipe() -> io::Result<(Owned, Owned)> {
    let (ours, commands) = io::pipe()?;
    Ok((ours.into(), commands.into()))
}

fn pass_on(mut from: impl Read, mut to: impl Write, mut masker: Masker) -> io::Result<()> {
    let mut chunk = Zeroizing::new(vec![0; CHUNK]);
    loop {
        let read = match from.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // A terminal ends with an error: nobody has its other end.
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        to.write_all(&masker.take(chunk.get(..read).unwrap_or_default()))?;
        to.flush()?;
    }
    to.write_all(&masker.finish())?;
    to.flush()
}

/// Whether both are one file, as after `2>&1`.
#[cfg(unix)]
fn same(one: impl AsFd, other: impl AsFd) -> bool {
    let stats = (rustix::fs::fstat(one), rustix::fs::fstat(other));
    let (Ok(one), Ok(other)) = stats else {
        return false;
    };
    (one.st_dev, one.st_ino, one.st_rdev) == (other.st_dev, other.st_ino, other.st_rdev)
}

#[cfg(not(unix))]
fn same<T, U>(_: T, _: U) -> bool {
    false
}

/// What Linux holds in a pipe.
const CHUNK: usize = 64 * 1024;
