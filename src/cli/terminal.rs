//! A terminal between a person's and a program, so that what passes can be looked at and it still is
//! one.
//!
//! The program keeps the person's terminal as its controlling one: Ctrl-C, Ctrl-Z and `/dev/tty` go
//! there. Only what passes through this one is changed, byte by byte.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize,
    tcsetattr, tcsetwinsize,
};

/// Both ends of a new terminal, as large as `like`: ours, and the program's.
///
/// What the program writes there comes out as it is: line breaks are the person's terminal's to make.
pub(super) fn pair(like: impl AsFd) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OURS)?;
    #[cfg(target_os = "macos")]
    rustix::io::fcntl_setfd(&ours, rustix::io::FdFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let commands = rustix::fs::open(name, flags, Mode::empty())?;
    let mut modes = tcgetattr(&commands)?;
    modes.output_modes.remove(OutputModes::OPOST);
    tcsetattr(&commands, OptionalActions::Now, &modes)?;
    resize(&ours, like)?;
    Ok((ours, commands))
}

/// Makes it as large as the terminal `like`.
pub(super) fn resize(ours: impl AsFd, like: impl AsFd) -> io::Result<()> {
    tcsetwinsize(ours, tcgetwinsize(like)?)?;
    Ok(())
}

/// The person's terminal, which passes on each key as it is; put right when dropped.
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    /// Takes standard input's terminal; `None` if it is none.
    pub(super) fn stdin() -> Option<Self> {
        let before = tcgetattr(rustix::stdio::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _terminal_is_gone =
            tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.before);
    }
}

/// A terminal that does not show what is typed and sends no signals; put right when dropped.
pub(super) struct Hidden<'a> {
    terminal: &'a std::fs::File,
    before: Termios,
}

impl<'a> Hidden<'a> {
    /// Takes `terminal`; what was typed before the question is dropped.
    pub(super) fn of(terminal: &'a std::fs::File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        // Ctrl-C comes as a byte: as a signal it would end this program and leave the terminal so. And it
        // ends the line, or it would come with the next Enter only.
        hidden
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ISIG);
        let interrupt = before.special_codes[SpecialCodeIndex::VINTR];
        hidden.special_codes[SpecialCodeIndex::VEOL] = interrupt;
        tcsetattr(terminal, OptionalActions::Flush, &hidden)?;
        Ok(Self { terminal, before })
    }

    /// Whether `byte` is Ctrl-C, or what the person has in its place.
    pub(super) fn is_interrupt(&self, byte: u8) -> bool {
        // Zero is none.
        byte != 0 && byte == self.before.special_codes[SpecialCodeIndex::VINTR]
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // What was typed unseen after the answer is no command for the shell.
        let _terminal_is_gone = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(not(target_os = "macos"))]
const OURS: OpenptFlags = OpenptFlags::RDWR
    .union(OpenptFlags::NOCTTY)
    .union(OpenptFlags::CLOEXEC);
/// macOS opens no terminal that is closed in what is started meanwhile; it is told right after.
#[cfg(target_os = "macos")]
const OURS: OpenptFlags = OpenptFlags::RDWR.union(OpenptFlags::NOCTTY);
