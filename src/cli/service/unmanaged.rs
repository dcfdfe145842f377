//! Systems whose service manager pimento does not know.

use super::Told;
use crate::cli::Failure;
use crate::cli::output::Output;
use crate::config::Paths;
use crate::refusal::ExitCode;

fn unknown() -> Failure {
    Failure::new(
        "no_manager",
        ExitCode::Failed,
        "pimento does not know the service manager of this system",
        "have it run `pimento agent` in the foreground, as yourself, when you log in",
    )
}

pub(super) async fn install(_paths: &Paths, _ssh_auth_sock: bool) -> Result<Told, Failure> {
    Err(unknown())
}

pub(super) async fn uninstall(_paths: &Paths) -> Result<Told, Failure> {
    Err(unknown())
}

pub(super) async fn status(_paths: &Paths, _output: &Output) -> Result<ExitCode, Failure> {
    Err(unknown())
}
