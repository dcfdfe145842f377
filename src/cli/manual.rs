//! `pimento manual`: the man pages, made from what `--help` says.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Command};
use serde_json::json;

use super::Failure;
use super::output::Output;
use crate::refusal::ExitCode;

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// The folder to write pimento.1 and a page for each verb to
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn write(args: &Args, command: Command, output: &Output) -> Result<ExitCode, Failure> {
    let folder = args.out.display();
    std::fs::create_dir_all(&args.out)
        .and_then(|()| clap_mangen::generate_to(command, &args.out))
        .map_err(|error| Failure::failed(format!("{folder}: {error}")))?;
    output.result(
        &format!("wrote the man pages to {folder}"),
        &json!({ "folder": args.out }),
    );
    Ok(ExitCode::Done)
}
