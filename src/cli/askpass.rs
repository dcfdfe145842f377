//! What `SUDO_ASKPASS` and `SSH_ASKPASS` run.
//!
//! stdout carries the password and a line break, or nothing at all: sudo and ssh take whatever
//! stands there as the password. The agent decides whether the prompt is one to answer.

use std::process::ExitCode as Exit;

use super::output::Output;
use super::person::Person;
use super::{Agent, Failure, connect, end, password, runtime};
use crate::config::{Overrides, Paths};
use crate::control::proto::AskpassRequest;
use crate::refusal::ExitCode;

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
    runtime.block_on(async { answer(connect(&paths).await?, output, prompt).await })
}

pub(super) async fn answer(
    agent: Agent,
    output: &Output,
    prompt: String,
) -> Result<ExitCode, Failure> {
    let call = |said| async {
        let request = AskpassRequest {
            prompt: prompt.clone(),
            asker: asker(),
            said: Some(said),
        };
        let events = agent.clone().askpass(request).await?.into_inner();
        password::released(output, events).await
    };
    let released = Person::silent(output).makes(output, call).await?;
    password::print(output, released)
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
