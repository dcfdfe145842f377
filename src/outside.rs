//! Starts a program where what confines the agent does not hold it back.
//!
//! The unit denies the agent new privileges, name spaces and most system calls, and a program inherits
//! that: sudo could not become root, and a browser's own sandbox not begin. So the user's systemd starts
//! it, beside the agent. What never happens here: a program of a requester's choice.

use std::ffi::OsStr;
use std::path::Path;

use tokio::process::Command;

/// `program` with these variables, by the user's systemd; `None` where nothing confines this process.
#[cfg(target_os = "linux")]
#[must_use]
pub fn command<'a>(
    program: &Path,
    variables: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
) -> Option<Command> {
    if !rustix::thread::no_new_privs().unwrap_or(false) {
        return None;
    }
    let mut command = Command::new("systemd-run");
    command.args(["--user", "--quiet", "--collect", "--wait"]);
    // The command line would be in the journal otherwise, and a page's address in it.
    command.arg("--description=started by pimento");
    for (name, value) in variables {
        let mut variable = OsStr::new("--setenv=").to_owned();
        variable.push(name);
        variable.push("=");
        variable.push(value);
        command.arg(variable);
    }
    command.arg("--").arg(program);
    Some(command)
}

/// The same where nothing confines the agent.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn command<'a>(
    _program: &Path,
    _variables: impl IntoIterator<Item = (&'a OsStr, &'a OsStr)>,
) -> Option<Command> {
    None
}
