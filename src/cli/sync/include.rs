//! The catalogs that the configuration includes by address, brought here.
//!
//! What never happens here: a copy that differs from its hash.

use crate::cli::Failure;
use crate::cloud::download;
use crate::config::{Config, Paths, Pinned};
use crate::file::{self, Readers};
use crate::harden;
use crate::refusal::ExitCode;

/// Has them here without a word, before the agent starts. What cannot be had is told by the configuration.
pub(in crate::cli) async fn quietly(paths: &Paths) {
    if let Err(failure) = fetch(paths).await {
        tracing::warn!(
            why = failure.0.message,
            "an included catalog was not fetched"
        );
    }
}

/// Has them here; tells which were not here before.
pub(super) async fn fetch(paths: &Paths) -> Result<Vec<Pinned>, Failure> {
    let (missing, danger) = Config::missing(paths)
        .map_err(|error| Failure::new("config", ExitCode::Usage, error.to_string(), ""))?;
    if missing.is_empty() {
        return Ok(missing);
    }
    let network =
        crate::run::network(&danger).map_err(|error| Failure::failed(error.to_string()))?;
    for pinned in &missing {
        let content = download(&network, pinned.url.clone(), LONGEST)
            .await
            .map_err(|why| unreachable(pinned, &why))?;
        pinned
            .check(&content)
            .map_err(|found| other(pinned, &found))?;
        keep(pinned, paths, &content).map_err(|error| {
            let file = pinned.copy(paths);
            Failure::failed(format!("{} cannot be written: {error}", file.display()))
        })?;
    }
    Ok(missing)
}

/// Puts the copy in place as a whole: whoever reads it meanwhile finds none, or all of it.
fn keep(pinned: &Pinned, paths: &Paths, content: &[u8]) -> std::io::Result<()> {
    let file = pinned.copy(paths);
    if let Some(folder) = file.parent() {
        harden::private_folder(folder)?;
    }
    file::replace(&file, content, Readers::Owner)
}

fn unreachable(pinned: &Pinned, why: &str) -> Failure {
    Failure::new(
        "unreachable",
        ExitCode::Failed,
        format!("the catalog at {} cannot be had: {why}", pinned.url),
        "check the address and the network; a copy that was fetched before is used without either",
    )
}

fn other(pinned: &Pinned, found: &str) -> Failure {
    Failure::new(
        "other_content",
        ExitCode::Policy,
        format!(
            "the catalog at {} is not the one that is pinned: its SHA-256 is {found}, and the \
             configuration has {}",
            pinned.url, pinned.sha256
        ),
        "if your team has changed it, read what is there now and write its hash into `include`; else \
         tell whoever keeps it",
    )
}

/// As much as a file of the configuration may have.
const LONGEST: usize = 1 << 20;
