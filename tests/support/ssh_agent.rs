//! An SSH agent with `ssh-agent`'s command line, as a process: Debian's own or ours.
#![allow(dead_code, missing_docs, unreachable_pub)]

#[path = "ssh_agent/client.rs"]
pub mod client;
#[path = "ssh_agent/footprint.rs"]
pub mod footprint;
#[path = "ssh_agent/keys.rs"]
pub mod keys;
#[path = "skip.rs"]
mod skip;
#[path = "ssh_agent/verify.rs"]
pub mod verify;

#[allow(unused_imports, reason = "not every test says both")]
pub use skip::{say, skipped};

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use client::Client;

/// OpenSSH's agent, which ours has to be like.
pub const STOCK: &str = "/usr/bin/ssh-agent";

/// The agent under test.
///
/// `PIMENTO_AGENT_UNDER_TEST=/usr/bin/ssh-agent` holds these tests to OpenSSH's own agent: a test
/// that it does not pass asks for what no agent does.
pub fn agent_command() -> Command {
    match std::env::var_os("PIMENTO_AGENT_UNDER_TEST") {
        Some(program) => Command::new(program),
        None => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pimento"));
            command.arg("ssh-agent");
            command
        }
    }
}

/// Whether the agent under test is OpenSSH's.
pub fn under_test_is_stock() -> bool {
    agent_command().get_args().next().is_none()
}

/// An agent in the foreground, on a socket in a folder of its own; ended when dropped.
pub struct TestAgent {
    pub folder: tempfile::TempDir,
    pub socket: PathBuf,
    child: Child,
}

impl TestAgent {
    /// The agent under test.
    pub fn start() -> Self {
        Self::of(agent_command(), |_| {})
    }

    /// The agent under test, with more options or variables.
    pub fn start_with(change: impl FnOnce(&mut Command)) -> Self {
        Self::of(agent_command(), change)
    }

    /// The agent under test, started by way of `wrapper`.
    pub fn start_by(wrapper: &[&str]) -> Self {
        let agent = agent_command();
        let mut command = Command::new(wrapper[0]);
        command
            .args(&wrapper[1..])
            .arg(agent.get_program())
            .args(agent.get_args());
        Self::of(command, |_| {})
    }

    /// OpenSSH's own.
    pub fn stock_with(change: impl FnOnce(&mut Command)) -> Self {
        Self::of(Command::new(STOCK), change)
    }

    fn of(mut command: Command, change: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        command
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .env("HOME", folder.path())
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("DISPLAY")
            .env_remove("SSH_ASKPASS")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        change(&mut command);
        let child = command.spawn().unwrap();
        let mut agent = Self {
            folder,
            socket,
            child,
        };
        eventually("the agent listens", || {
            let ended = agent.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {ended:?} {}", agent.log());
            UnixStream::connect(&agent.socket).is_ok()
        });
        agent
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Aborts it, and says how it ended.
    pub fn aborted(&mut self) -> std::process::ExitStatus {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::ABORT).unwrap();
        self.child.wait().unwrap()
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.socket)
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.pid().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// A program that finds this agent, and nobody to ask for a password.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env("SSH_AUTH_SOCK", &self.socket)
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env_remove("DISPLAY")
            .current_dir(self.folder.path());
        command
    }

    pub fn run(&self, program: &str, args: &[&str]) -> Ran {
        ran(&mut self.command(program, args))
    }

    /// Writes a file to its folder and returns the path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        utf8(&path)
    }

    /// Writes a program to its folder and returns the path.
    pub fn program(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt;
        let path = self.file(name, text);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// How a program ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// It ended with this code and said this on stdout or stderr.
    #[track_caller]
    pub fn refused(self, code: i32, told: &str) {
        assert_eq!(self.code, code, "{self:?}");
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(all.contains(told), "{self:?}");
    }
}

pub fn ran(command: &mut Command) -> Ran {
    ran_with_input(command, b"")
}

pub fn ran_with_input(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // A program that does not read its input has closed it.
    let _unread = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Waits for a condition; half a minute is longer than any that is met takes.
#[track_caller]
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn utf8(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
