//! `pimento sudo`: sudo here or on another host, with a password that nobody types.
//!
//! sudo is told to ask by a prompt that no other program knows; the agent answers that prompt, once,
//! to this process or one below it. What never happens here: a password sent before sudo has asked
//! for it, where it could reach the command instead.

use std::process::ExitCode as Exit;

use super::output::Output;
#[cfg(unix)]
use super::person::Person;
use super::{Agent, Failure};
use crate::config::Paths;
#[cfg(unix)]
use crate::control::proto::{ExpectReply, ExpectRequest, Said};
use crate::refusal::ExitCode;

#[cfg(unix)]
mod bridge;
pub(super) mod host;
#[cfg(unix)]
mod local;
#[cfg(unix)]
mod remote;
#[cfg(unix)]
mod sentinel;
#[cfg(unix)]
mod shim;

/// What to run, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The host, as ssh knows it; without one, this machine
    host: Option<String>,
    /// As whom to run the command
    #[arg(long, short, value_name = "USER")]
    user: Option<String>,
    /// Give the command a terminal on the host
    #[arg(long, short, requires = "host")]
    tty: bool,
    /// Give the command what comes in here on standard input
    #[arg(long, requires = "host", conflicts_with = "tty")]
    stdin: bool,
    /// Log in to the host, and answer one `sudo -A` there
    #[arg(long, requires = "host", conflicts_with_all = ["tty", "stdin", "user"])]
    bridge: bool,
    /// An option for ssh, as its -o takes it
    #[arg(long = "option", short = 'o', value_name = "OPTION", requires = "host")]
    options: Vec<String>,
    /// The justification that PIM records
    #[arg(long)]
    reason: Option<String>,
    /// The ticket that PIM records
    #[arg(long, value_name = "SYSTEM:NUMBER")]
    ticket: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required_unless_present = "bridge")]
    command: Vec<String>,
}

/// Runs it; its exit code is ours.
#[cfg(unix)]
pub(super) async fn run(
    args: Args,
    agent: Agent,
    paths: &Paths,
    output: &Output,
) -> Result<Exit, Failure> {
    let mut person = Person::new(args.reason.clone(), args.ticket.as_deref(), output)?;
    if args.tty || (args.bridge && args.command.is_empty()) {
        // The terminal is the command's: each key goes there as it is.
        person.is_not_asked();
    }
    let Some(name) = &args.host else {
        let announced = announce(&agent, Vec::new(), &args.command, person.said()).await?;
        return local::run(&args, announced, paths);
    };
    let host = host::Host::resolve(name, &args.options).await?;
    let announced = announce(&agent, host.names(), &args.command, person.said()).await?;
    if args.bridge {
        return bridge::run(&args, &host, announced, agent, output, person).await;
    }
    remote::run(&args, &host, announced, agent, output, person).await
}

/// Elsewhere there is no sudo, and ssh cannot be watched like this.
#[cfg(not(unix))]
pub(super) async fn run(
    _args: Args,
    _agent: Agent,
    _paths: &Paths,
    _output: &Output,
) -> Result<Exit, Failure> {
    Err(Failure::new(
        "unsupported",
        ExitCode::Failed,
        "pimento sudo does not run on this system yet",
        "use it from Linux, macOS or WSL",
    ))
}

/// Announces that sudo will ask on the host of these names.
#[cfg(unix)]
async fn announce(
    agent: &Agent,
    hosts: Vec<String>,
    command: &[String],
    said: Said,
) -> Result<ExpectReply, Failure> {
    let request = ExpectRequest {
        hosts,
        command: command.to_vec(),
        said: Some(said),
    };
    Ok(agent.clone().expect(request).await?.into_inner())
}

/// What a program that cannot be started means.
fn not_started(program: &str, error: &std::io::Error) -> Failure {
    Failure::new(
        "not_started",
        ExitCode::Failed,
        format!("{program} cannot be started: {error}"),
        &format!("install {program}, or put it into PATH"),
    )
}
