//! The command line. Knows the control API and where the configuration is, and nothing else.
//!
//! Results go to stdout, everything else to stderr; with `--json`, results are one JSON value
//! (docs/cli.md). What never happens here: a secret printed to a terminal that nobody asked to
//! reveal, or a secret with anything else beside it on stdout.

use std::path::PathBuf;
use std::process::ExitCode as Exit;

use clap::Parser;

use crate::config::{Config, ConfigError, Overrides, Paths};
use crate::control::proto;
use crate::refusal::ExitCode;

use output::Output;
use verb::Verb;

mod agent;
mod alias;
mod ansible;
mod approvals;
mod askpass;
mod audit;
mod ca;
mod check;
mod clip;
mod docker;
mod doctor;
mod export;
mod git;
#[cfg(unix)]
mod ignored;
mod import;
mod init;
mod input;
mod manual;
mod output;
mod paint;
mod password;
mod person;
mod preflight;
mod run;
mod service;
mod show;
mod sign_in;
mod ssh_agent;
mod ssh_config;
mod stale;
mod status;
mod stop;
mod sudo;
mod sync;
#[cfg(unix)]
mod terminal;
mod verb;
mod watch;
mod why;
mod window;

pub use askpass::main as askpass;

/// Just-in-time keys and passwords from Entra PIM and Azure Key Vault, for ssh, git and sudo
#[derive(Debug, Parser)]
#[command(name = "pimento", version, about, max_term_width = 100)]
struct Cli {
    /// Use this configuration file [default: $XDG_CONFIG_HOME/pimento/config.toml]
    #[arg(long, global = true, value_name = "FILE", env = "PIMENTO_CONFIG")]
    config: Option<PathBuf>,
    /// Use the sockets in this folder [default: $XDG_RUNTIME_DIR/pimento]
    #[arg(long, global = true, value_name = "DIR", env = "PIMENTO_RUNTIME_DIR")]
    runtime_dir: Option<PathBuf>,
    /// Keep the audit record under this folder [default: $XDG_STATE_HOME/pimento]
    #[arg(long, global = true, value_name = "DIR", env = "PIMENTO_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Print results as JSON (docs/cli.md)
    #[arg(long, global = true)]
    json: bool,
    /// No progress and no hints on stderr; errors are still told
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> Exit {
    if alias::is_askpass() {
        return askpass();
    }
    let cli = Cli::parse_from(alias::arguments());
    let output = Output::new(cli.json, cli.quiet);
    let overrides = Overrides {
        config: cli.config,
        runtime: cli.runtime_dir,
        state: cli.state_dir,
    };
    let verb = cli.verb.unwrap_or_default();
    end(verb.run(overrides, &output), &output)
}

/// Tells a failure, and gives the exit code.
fn end(outcome: Result<impl Into<Exit>, Failure>, output: &Output) -> Exit {
    match outcome {
        Ok(code) => code.into(),
        Err(failure) => {
            output.failure(&failure.0);
            Exit::from(u8::try_from(failure.0.exit_code).unwrap_or(1))
        }
    }
}

/// The exit code of a shell for a command that has ended.
fn shell_code(status: std::process::ExitStatus) -> Exit {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status).map(|it| 128 + it);
    #[cfg(not(unix))]
    let signal = None;
    let code = status.code().or(signal);
    let code: Option<u8> = code.and_then(|code| u8::try_from(code).ok());
    Exit::from(code.unwrap_or(1))
}

/// Why a command failed: a refusal, as it crosses the socket.
#[derive(Debug)]
struct Failure(Box<proto::Refusal>);

impl Failure {
    fn new(code: &str, exit: ExitCode, message: impl Into<String>, advice: &str) -> Self {
        Self(Box::new(proto::Refusal {
            code: code.to_owned(),
            message: message.into(),
            advice: advice.to_owned(),
            exit_code: exit as u32,
            needed: None,
        }))
    }

    fn failed(message: impl Into<String>) -> Self {
        Self::new("failed", ExitCode::Failed, message, "")
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self(Box::new(crate::control::convert::refusal(&status)))
    }
}

impl From<crate::refusal::Refusal> for Failure {
    fn from(refusal: crate::refusal::Refusal) -> Self {
        Self(Box::new(crate::control::convert::message(&refusal)))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let advice = match error {
            ConfigError::Absent(_) => WITHOUT_AZURE.trim_start_matches("; "),
            ConfigError::Invalid(_) => "",
        };
        Self::new("config", ExitCode::Usage, error.to_string(), advice)
    }
}

type Agent = proto::control_client::ControlClient<tonic::transport::Channel>;

async fn connect(paths: &Paths) -> Result<Agent, Failure> {
    crate::control::client::connect(&paths.control_socket()).await.map_err(|absent| {
        let advice = if paths.have_configuration() {
            START.to_owned()
        } else {
            format!("to set pimento up for your tenant, run `pimento init`; then {START}{WITHOUT_AZURE}")
        };
        Failure::new("no_agent", ExitCode::NoAgent, absent.to_string(), &advice)
    })
}

/// The configuration.
fn load(paths: &Paths) -> Result<Config, Failure> {
    Ok(Config::load(paths)?)
}

/// How the agent is started.
const START: &str = if cfg!(target_os = "linux") {
    "start it with `pimento agent`, or, where a package or `pimento service install` has set that \
     up, with `systemctl --user start pimento.socket`"
} else {
    "start it with `pimento agent`, or have it started by `pimento service install`"
};

/// What else can be done where nothing is set up, if the build has it.
const WITHOUT_AZURE: &str = if cfg!(feature = "emulator") {
    "; to see pimento work without Azure, run `pimento demo`"
} else {
    ""
};

fn runtime(mut builder: tokio::runtime::Builder) -> Result<tokio::runtime::Runtime, Failure> {
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn no_two_options_of_a_verb_have_one_name() {
        Cli::command().debug_assert();
    }
}
