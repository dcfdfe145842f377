//! sudo on this machine.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode as Exit};

use super::super::Failure;
use super::{Args, not_started};
use crate::config::Paths;
use crate::control::proto::ExpectReply;
use crate::refusal::ExitCode;

/// Becomes `sudo -A`; the helper that it starts asks the agent by the prompt announced here.
pub(super) fn run(args: &Args, announced: ExpectReply, paths: &Paths) -> Result<Exit, Failure> {
    let mut sudo = Command::new("sudo");
    sudo.arg("-A")
        .env("SUDO_ASKPASS", helper()?)
        // It has no options of this program's.
        .env("PIMENTO_RUNTIME_DIR", &paths.runtime)
        .env("SUDO_PROMPT", announced.prompt);
    if let Some(user) = &args.user {
        sudo.args(["-u", user]);
    }
    // This process stays, and with it the announcement: sudo only takes its place.
    let error = sudo.arg("--").args(&args.command).exec();
    Err(not_started("sudo", &error))
}

/// The askpass helper of this very program.
fn helper() -> Result<PathBuf, Failure> {
    let beside = std::env::current_exe()
        .ok()
        .map(|program| program.with_file_name("pimento-askpass"))
        .filter(|helper| helper.is_file());
    beside.ok_or_else(|| {
        Failure::new(
            "not_started",
            ExitCode::Failed,
            "pimento-askpass is not beside pimento",
            "install both programs into one folder",
        )
    })
}
