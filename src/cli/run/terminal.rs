//! A terminal for the output of a command, so that it is masked and still a terminal's.
//!
//! The command keeps the person's terminal as its own: what is typed, Ctrl-C, Ctrl-Z and
//! `/dev/tty` go there. Only what it writes to stdout and stderr passes through this one, byte by
//! byte: line breaks are the person's terminal's to make.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    OptionalActions, OutputModes, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

/// Both ends of a new terminal: ours, and the command's.
pub(super) fn pair(like: impl AsFd) -> io::Result<(OwnedFd, OwnedFd)> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
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
