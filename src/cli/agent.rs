//! `pimento agent`: the agent, in the foreground.

use std::sync::Arc;

use super::output::{self, Output};
use super::{Failure, runtime};
use crate::clock::SystemClock;
use crate::config::{Config, Paths};
use crate::harden::harden;
use crate::refusal::ExitCode;
use crate::run::Agent;

pub(super) fn run(paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    // Before a single byte of anything is read.
    harden()
        .map_err(|error| Failure::failed(format!("the process cannot be hardened: {error}")))?;
    output::logs();
    let config = Config::load(paths)
        .map_err(|error| Failure::new("config", ExitCode::Usage, error.to_string(), ""))?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
    runtime.block_on(async {
        let agent = Agent::start(config, paths, Arc::new(SystemClock))
            .map_err(|error| Failure::failed(error.to_string()))?;
        output.hint(&format!(
            "pimento agent is listening; to use it in this shell:\n  export SSH_AUTH_SOCK={}",
            paths.agent_socket().display()
        ));
        agent
            .serve(asked_to_stop())
            .await
            .map_err(|error| Failure::failed(error.to_string()))
    })?;
    Ok(ExitCode::Done)
}

/// Ctrl-C, or a service manager's SIGTERM.
async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => return,
                stopped = tokio::signal::ctrl_c() => {
                    if stopped.is_ok() {
                        return;
                    }
                }
            }
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // Without signals only a kill ends the agent.
        std::future::pending::<()>().await;
    }
}
