//! `pimento audit`: the record, for people, for auditors and for whoever doubts it.
//!
//! Reads files, and needs no agent. What never happens here: a change of the record.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::Failure;
use super::output::Output;
use crate::audit::file_in;
use crate::config::{Config, ConfigError, Paths};
use crate::refusal::ExitCode;

mod csv;
mod export;
mod joined;
mod line;
mod tail;
mod verify;

/// What to do with the record.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Verb {
    /// The last lines, in words
    Tail(tail::Args),
    /// Check that no line was changed, removed or swapped
    Verify(verify::Args),
    /// Everything as a table: one line for each ask with its answer, and for each window
    Export(export::Args),
}

pub(super) async fn run(verb: Verb, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Tail(args) => {
            let file = file(paths).unwrap_or_else(|_| {
                // A record is wanted most when something is wrong.
                output.hint(
                    "pimento: the configuration has mistakes (`pimento keys` names them), so that no \
                     `[audit]` of it counts",
                );
                file_in(&paths.audit())
            });
            tail::tail(args, &file, output).await
        }
        Verb::Verify(args) => {
            let files = match args.files.is_empty() {
                true => vec![file(paths)?],
                false => args.files,
            };
            Ok(verify::verify(&files, output))
        }
        Verb::Export(args) => export::export(&args, &file(paths)?, output),
    }
}

/// The file that the agent writes. Another than that would be no proof of anything, and no table of it.
///
/// # Errors
/// If the configuration has mistakes: it may name the folder.
fn file(paths: &Paths) -> Result<PathBuf, Failure> {
    let folder = match Config::load(paths) {
        // There may still be a record of when there was one.
        Err(ConfigError::Absent(_)) => paths.audit(),
        loaded => loaded?.audit,
    };
    Ok(file_in(&folder))
}

fn open(file: &Path) -> Result<File, Failure> {
    File::open(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::NotFound => {
            "the agent writes it from its first start; another folder is named by --state-dir, or by \
             `[audit]` of the configuration"
        }
        _ => "whoever runs the agent can read it: its owner alone",
    };
    Failure::new(
        "audit_unreadable",
        ExitCode::Failed,
        format!(
            "the audit record {} cannot be read: {error}",
            file.display()
        ),
        advice,
    )
}

/// Whether writing to stdout failed only because nobody reads any more, as behind `head`.
fn written(done: io::Result<()>) -> Result<(), Failure> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done.map_err(|error| Failure::failed(format!("stdout cannot be written: {error}"))),
    }
}
