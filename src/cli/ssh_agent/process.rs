//! The agent's process in the background: started, told apart from its starter, ended.

use std::io::{BufRead, BufReader, Error};
use std::process::{Child, Command, Stdio};

use super::{AgentOption, Args, Failure};

/// An agent in the background, listening.
pub(super) struct Background {
    /// Where it listens.
    pub(super) socket: String,
    /// Its process id.
    pub(super) pid: u32,
    child: Child,
}

impl Background {
    /// Ends it, because what it was started for cannot be run.
    pub(super) fn end(&mut self) {
        let _gone_already_else = self.child.kill().is_ok();
    }
}

/// Starts this program again as the agent, and waits until it listens.
///
/// Not by a mere fork: what a fork of a running program shares with it, memory for secrets among
/// it, is not the child's own.
pub(super) fn start(args: &Args, with: Option<u32>) -> Result<Background, Failure> {
    let failed = |error: Error| Failure::failed(format!("the agent cannot be started: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command
        .args(["ssh-agent", "--detached"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(address) = &args.address {
        command
            .arg("-a")
            .arg(std::path::absolute(address).map_err(failed)?);
    }
    if let Some(lifetime) = args.lifetime {
        command.args(["-t", &lifetime.as_secs().to_string()]);
    }
    for option in &args.options {
        if let AgentOption::Upstream(socket) = option {
            let socket = std::path::absolute(socket).map_err(failed)?;
            command
                .arg("-O")
                .arg(format!("upstream={}", socket.display()));
        }
    }
    if let Some(with) = with {
        command.args(["--with", &with.to_string()]);
    }
    let mut child = command.spawn().map_err(failed)?;
    let mut socket = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut socket)
            .map_err(failed)?;
    }
    let socket = socket.trim_end_matches('\n').to_owned();
    if socket.is_empty() {
        return Err(why_not(child));
    }
    Ok(Background {
        socket,
        pid: child.id(),
        child,
    })
}

/// The agent has ended without listening; it has said why.
fn why_not(child: Child) -> Failure {
    let output = child.wait_with_output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stderr).trim().to_owned());
    let said = said.unwrap_or_default();
    Failure::failed(said.strip_prefix("pimento: ").unwrap_or(&said).to_owned())
}

/// Runs `command` in place of this process; returns only if that fails.
#[cfg(unix)]
pub(super) fn become_command(command: &mut Command) -> Error {
    std::os::unix::process::CommandExt::exec(command)
}

/// Runs `command` and ends as it does; returns only if it cannot be run.
#[cfg(not(unix))]
pub(super) fn become_command(command: &mut Command) -> Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

/// Ends the agent with the process id `pid`.
#[cfg(unix)]
pub(super) fn end(pid: &str) -> Result<(), Failure> {
    use rustix::process::{Pid, Signal, kill_process};
    // A number below 1 would mean a whole group of processes, or all.
    let parsed = pid
        .parse()
        .ok()
        .filter(|pid| *pid > 0)
        .and_then(Pid::from_raw);
    let Some(process) = parsed else {
        return Err(Failure::failed(format!(
            "SSH_AGENT_PID={pid:?} is no process id"
        )));
    };
    kill_process(process, Signal::TERM)
        .map_err(|error| Failure::failed(format!("process {pid} cannot be ended: {error}")))
}

/// Ends the agent with the process id `pid`.
#[cfg(not(unix))]
pub(super) fn end(_pid: &str) -> Result<(), Failure> {
    Err(Failure::failed(
        "-k works on Unix only; end the process in the Task Manager",
    ))
}
