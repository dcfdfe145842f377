//! `pimento agent`: the agent, in the foreground.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::output::{self, Output};
use super::stop::Stop;
use super::{Failure, load, runtime, sync};
use crate::clock::SystemClock;
use crate::config::Paths;
use crate::harden::harden;
use crate::listen::Handed;
use crate::refusal::ExitCode;
use crate::run::Agent;
use crate::secret::locked;

pub(super) fn run(paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    // Before a single byte of anything is read.
    harden()
        .map_err(|error| Failure::failed(format!("the process cannot be hardened: {error}")))?;
    output::logs();
    let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
    runtime.block_on(sync::quietly(paths));
    let config = load(paths)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let served = runtime.block_on(async {
        let handed = Handed::take().map_err(|error| Failure::failed(error.to_string()))?;
        let agent = Agent::start(config, paths, Arc::new(SystemClock), handed)
            .map_err(|error| Failure::failed(error.to_string()))?;
        // Listened for before anybody can know that there is something to stop.
        let stop = Stop::of_service().map_err(|error| Failure::failed(error.to_string()))?;
        output.hint(&format!(
            "pimento agent is listening; to use it in this shell:\n  {}",
            in_this_shell(&paths.agent_socket())
        ));
        locked::give_back_start_up();
        // A task of its own: a session that is begun from one goes on where it is, without a switch.
        let serving = tokio::spawn(agent.serve(stop.asked())).await;
        let served = serving.map_err(|error| Failure::failed(error.to_string()))?;
        served.map_err(|error| Failure::failed(error.to_string()))
    });
    // A keystore may still wait for somebody to unlock it.
    runtime.shutdown_timeout(LAST_WORDS);
    served.map(|()| ExitCode::Done)
}

/// The line that has the programs of a shell ask the agent; on Windows, one of PowerShell's.
pub(super) fn in_this_shell(socket: &Path) -> String {
    let socket = socket.display();
    match cfg!(windows) {
        true => format!("$env:SSH_AUTH_SOCK = '{socket}'"),
        false => format!("export SSH_AUTH_SOCK={socket}"),
    }
}

/// What is under way when the agent ends has this long; nothing of it is needed any more.
const LAST_WORDS: Duration = Duration::from_secs(1);
