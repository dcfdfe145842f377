//! `pimento run`: a program with passwords in its environment, or in files that are on no disk.
//!
//! Enters: references in the environment and in the options. Leaves: the program's output, with
//! the passwords masked, and its exit code. Never here: a password in an argument, or a program
//! that was started with only some of its passwords.

use std::ffi::OsString;
use std::process::ExitCode as Exit;

use jiff::SignedDuration;

use super::output::Output;
use super::person::Person;
use super::{Failure, connect};
use crate::clock::SystemClock;
use crate::config::Paths;
use crate::control::proto::WatchRequest;
use child::Child;
use ends::Ends;
use file::Files;
use program::Program;
use secrets::Secrets;
use signals::Notice;
use value::Assignment;

mod child;
mod ends;
mod file;
mod forms;
mod mask;
mod program;
mod secrets;
mod signals;
mod streams;
mod value;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Set a variable to a password: VALUE is its name, pimento://VAULT/SECRET[@VERSION], or a text
    /// with {pimento://…} in it
    #[arg(long, value_name = "NAME=VALUE", value_parser = Assignment::parse)]
    env: Vec<Assignment>,
    /// The same in a file that is on no disk: the variable is its path, and so is {NAME} in the
    /// arguments of the command. A text gets a final line break. Certificates and their keys go here
    /// alone: pimento://VAULT/NAME?part=certificate, ?part=key, or both in one file
    #[arg(long, value_name = "NAME=VALUE", value_parser = Assignment::parse)]
    file: Vec<Assignment>,
    /// What tells the command that its passwords end: HUP, INT, KILL, QUIT, TERM, USR1, USR2, none
    #[arg(long, value_name = "SIGNAL", default_value = "TERM", value_parser = Notice::parse)]
    signal: Notice,
    /// How long before the end it is told
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    before: SignedDuration,
    /// Leave the passwords in what the command prints
    #[arg(long)]
    no_masking: bool,
    /// The justification that PIM records
    #[arg(long)]
    reason: Option<String>,
    /// The ticket that PIM records
    #[arg(long, value_name = "SYSTEM:NUMBER")]
    ticket: Option<String>,
    /// The command, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs the command; its exit code is ours.
pub(super) async fn run(args: Args, paths: &Paths, output: &Output) -> Result<Exit, Failure> {
    start(args, paths, output).await.map_err(|mut failure| {
        // 1 is the command's own: what has no better code is said to be ours.
        if failure.0.exit_code == 1 {
            failure.0.exit_code = OURS;
        }
        failure
    })
}

async fn start(args: Args, paths: &Paths, output: &Output) -> Result<Exit, Failure> {
    file::harden()?;
    let before = value::span(args.before)?;
    let variables = value::variables(args.env)?;
    // Before anybody is asked for a password that nothing could use.
    let program = Program::find(args.command)?;
    let wanted = value::references(variables.iter().chain(&args.file));
    let shown = value::references(variables.iter());
    let mut secrets = Secrets::default();
    let mut events = None;
    if !wanted.is_empty() {
        let mut agent = connect(paths).await?;
        let mut person = Person::new(args.reason, args.ticket.as_deref(), output)?;
        secrets = Secrets::ask(&agent, output, wanted, &shown, &mut person).await?;
        events = Some(agent.watch(WatchRequest::default()).await?.into_inner());
    }
    let files = Files::make(&args.file, &secrets)?;
    let mut command = program.command(&files);
    secrets.give(&mut command, &variables, &files)?;
    let forms = (!args.no_masking).then(|| secrets.forms()).transpose()?;
    let ends = Ends::new(Box::new(SystemClock), before, secrets.ends(), events);
    drop(secrets);
    let child = Child::start(command, program.name(), forms, files)?;
    child.watched(ends, args.signal, output).await
}

/// pimento itself has failed.
const OURS: u32 = 125;
