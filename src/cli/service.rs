//! `pimento service`: has the system start the agent, for those without a package.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;

use super::Failure;
use super::agent::in_this_shell;
use super::output::Output;
use crate::config::Paths;
use crate::refusal::ExitCode;

#[cfg(target_os = "macos")]
use launchd as manager;
#[cfg(target_os = "linux")]
use systemd as manager;
#[cfg(windows)]
use task as manager;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
use unmanaged as manager;

#[cfg(any(target_os = "macos", test))]
mod launchd;
#[cfg(any(target_os = "macos", windows, test))]
mod step;
#[cfg(target_os = "linux")]
mod systemd;
#[cfg(any(windows, test))]
mod task;
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod unmanaged;

/// What is done about the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(super) enum Service {
    /// Have the agent started for you when something asks it
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
    match service {
        Service::Install { ssh_auth_sock } => {
            let Told(lines) = manager::install(paths, ssh_auth_sock).await?;
            output.result(&lines.join("\n"), &json!({ "done": lines }));
            next_steps(&paths.agent_socket(), ssh_auth_sock, output);
            Ok(ExitCode::Done)
        }
        Service::Uninstall => {
            let Told(lines) = manager::uninstall(paths).await?;
            output.result(&lines.join("\n"), &json!({ "done": lines }));
            Ok(ExitCode::Done)
        }
        Service::Status => manager::status(paths, output).await,
    }
}

fn next_steps(socket: &Path, everywhere: bool, output: &Output) {
    output.hint(&match everywhere {
        true => format!(
            "New sessions ask pimento for SSH keys. In this shell:\n  {}",
            in_this_shell(socket)
        ),
        false => "To have ssh ask pimento for the configured hosts only:\n  \
                  pimento ssh-config --write-keys > ~/.ssh/pimento.conf   (then Include it, docs/operating.md)\n\
                  To have every program of your sessions ask it:\n  pimento service install --ssh-auth-sock"
            .to_owned(),
    });
}
