//! What `SUDO_ASKPASS` and `SSH_ASKPASS` run.
//!
//! stdout carries the password and a line break, or nothing at all: sudo and ssh take whatever
//! stands there as the password. The agent decides whether the prompt is one to answer.

use std::process::ExitCode as Exit;

#[cfg(unix)]
use super::ignored::Ignored;
use super::output::Output;
use super::person::Person;
use super::{Agent, Failure, connect, end, password, runtime};
use crate::config::{Overrides, Paths};
use crate::control::proto::AskpassRequest;
use crate::refusal::ExitCode;
#[cfg(unix)]
use crate::requester::{Asker, Program, Requester};

/// Runs the helper with the prompt as its only argument.
#[must_use]
pub fn main() -> Exit {
    let output = Output::new(false, false);
    end(run(&output), &output)
}

fn run(output: &Output) -> Result<ExitCode, Failure> {
    let prompt = std::env::args().nth(1).unwrap_or_default();
    let folder = |name| std::env::var_os(name).map(std::path::PathBuf::from);
    let overrides = Overrides {
        runtime: folder("PIMENTO_RUNTIME_DIR"),
        ..Overrides::default()
    };
    let paths =
        Paths::from_environment(overrides).map_err(|error| Failure::failed(error.to_string()))?;
    let runtime = runtime(tokio::runtime::Builder::new_current_thread())?;
    let asked = prompt.clone();
    let answered = runtime.block_on(async { answer(connect(&paths).await?, output, asked).await });
    if answered.is_err() {
        output.progress_ends();
        stop_asker(&prompt, output);
    }
    answered
}

/// Stops the program that asks where no answer counts as a wrong one, which could lock the account.
fn stop_asker(prompt: &str, output: &Output) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process};

        let helper = Requester::of(Some(std::process::id()));
        let Some(asker) = Asker::above(&helper, asker()) else {
            return;
        };
        let (signal, why) = match asker.program {
            Some(Program::Ssh) if is_login(prompt) => (
                gentlest(asker.pid),
                "ssh is stopped, because it would send an empty password",
            ),
            // It puts gentler signals off until PAM has counted the failure.
            Some(Program::Sudo) => (
                Signal::KILL,
                "sudo is stopped, because PAM would count the missing password as a wrong one",
            ),
            _ => return,
        };
        let pid = i32::try_from(asker.pid).ok().and_then(Pid::from_raw);
        if pid.is_some_and(|pid| kill_process(pid, signal).is_ok()) {
            output.hint(&format!("pimento: {why}"));
        }
    }
    #[cfg(not(unix))]
    let _nothing_to_stop = (prompt, output);
}

/// As Ctrl-C at its prompt would; but what runs in the background, or under nohup, may ignore that.
#[cfg(unix)]
fn gentlest(pid: u32) -> rustix::process::Signal {
    use rustix::process::Signal;

    let ignored = Ignored::by(pid);
    let gentle = [Signal::INT, Signal::TERM];
    let first = gentle.into_iter().find(|signal| !ignored.has(*signal));
    first.unwrap_or(Signal::KILL)
}

/// Whether ssh takes no answer to this prompt for an empty password, which the server counts.
#[cfg(unix)]
fn is_login(prompt: &str) -> bool {
    prompt.ends_with("'s password: ") || (prompt.starts_with('(') && prompt.contains(") "))
}

pub(super) async fn answer(
    agent: Agent,
    output: &Output,
    prompt: String,
) -> Result<ExitCode, Failure> {
    let mut person = Person::silent(output);
    let released = answered(&agent, output, &prompt, asker(), &mut person).await?;
    password::print(output, released)
}

/// The password that the prompt of `asker` asks for.
pub(super) async fn answered(
    agent: &Agent,
    output: &Output,
    prompt: &str,
    asker: u32,
    person: &mut Person,
) -> Result<password::Released, Failure> {
    let call = |said| async {
        let request = AskpassRequest {
            prompt: prompt.to_owned(),
            asker,
            said: Some(said),
        };
        let events = agent.clone().askpass(request).await?.into_inner();
        password::released(output, events).await
    };
    person.makes(output, call).await
}

/// The program that started this helper; the agent checks it.
fn asker() -> u32 {
    #[cfg(unix)]
    {
        let parent = rustix::process::getppid().map(rustix::process::Pid::as_raw_pid);
        parent
            .and_then(|pid| u32::try_from(pid).ok())
            .unwrap_or_default()
    }
    #[cfg(not(unix))]
    0
}
