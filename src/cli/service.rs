//! `pimento service`: has the system start the agent, for those without a package.

use clap::Subcommand;
use serde_json::json;

use super::Failure;
use super::output::Output;
use crate::config::Paths;
use crate::refusal::ExitCode;

#[cfg(target_os = "macos")]
use launchd as manager;
#[cfg(windows)]
use task as manager;
#[cfg(not(any(target_os = "macos", windows)))]
use unmanaged as manager;

#[cfg(any(target_os = "macos", test))]
mod launchd;
#[cfg(any(target_os = "macos", windows, test))]
mod step;
#[cfg(any(windows, test))]
mod task;
#[cfg(not(any(target_os = "macos", windows)))]
mod unmanaged;

/// What is done about the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(super) enum Service {
    /// Have the agent started for you
    Install {
        /// Have every program of your next sessions ask pimento for SSH keys (SSH_AUTH_SOCK)
        #[arg(long)]
        ssh_auth_sock: bool,
    },
    /// Whether the agent is started for you, and by what
    Status,
    /// Undo what install has done, and stop the agent
    Uninstall,
}

/// What was done or found: a line for a person each.
struct Told(Vec<String>);

pub(super) async fn run(
    service: Service,
    paths: &Paths,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let Told(lines) = match service {
        Service::Install { ssh_auth_sock } => manager::install(paths, ssh_auth_sock).await?,
        Service::Uninstall => manager::uninstall(paths).await?,
        Service::Status => return manager::status(paths, output).await,
    };
    output.result(&lines.join("\n"), &json!({ "done": lines }));
    Ok(ExitCode::Done)
}
