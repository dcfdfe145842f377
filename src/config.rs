//! The configuration: TOML in, a [`Config`] without any invalid state out.
//!
//! Enters: the user's file, its drop-ins, the team files it includes and the administrator's
//! managed file. Leaves: a [`Config`], or every mistake at once, each with its file, its line and
//! its remedy. What never happens here: a secret is read, or the network is asked.

use std::path::PathBuf;
use std::sync::Arc;

use toml::de::DeTable;

use crate::catalog::{Catalog, Name, Tenant, VaultSpec, WindowSpec};
use document::Document;
use entries::{Entries, Noun};
pub use include::Pinned;
pub use paths::{Overrides, Paths, PathsError, Workload};
use problem::Findings;
pub use problem::{ConfigError, Problem};
pub use repin::{RepinError, is_own, repin};
pub use settings::{AgentSettings, Danger, known_hosts};
pub use span::rotation_age;

mod access;
mod authority;
mod certificate;
mod credential;
mod document;
mod entries;
mod include;
mod layers;
mod paths;
mod problem;
mod repin;
mod section;
mod settings;
mod span;
#[cfg(test)]
mod tests;
mod window;

/// Everything that is configured. A value of this type has no dangling name and no doubtful field.
#[derive(Debug)]
pub struct Config {
    /// How the agent behaves.
    pub agent: AgentSettings,
    /// The folder of the audit record.
    pub audit: PathBuf,
    /// The keys and passwords.
    pub catalog: Catalog,
    /// What weakens the connections to the cloud.
    pub danger: Danger,
    /// The files it was read from.
    pub files: Vec<PathBuf>,
    /// The tenants.
    pub tenants: Vec<Arc<Tenant>>,
    /// The vaults.
    pub vaults: Vec<Arc<VaultSpec>>,
    /// The windows.
    pub windows: Vec<Arc<WindowSpec>>,
    warnings: Vec<Problem>,
}

impl Config {
    /// Reads every file there is.
    ///
    /// # Errors
    /// If there is none, or for every mistake in them.
    pub fn load(paths: &Paths) -> Result<Self, ConfigError> {
        let mut findings = Findings::default();
        let documents = layers::read(paths, &mut findings);
        if documents.is_empty() && findings.problems.is_empty() {
            return Err(ConfigError::Absent(paths.config.clone()));
        }
        Self::build(&documents, paths, findings)
    }

    /// Reads `text` as if it were the user's only file.
    ///
    /// # Errors
    /// For every mistake in it.
    pub fn parse(text: &str, paths: &Paths) -> Result<Self, ConfigError> {
        let document = Document::from_text(&paths.config, text);
        Self::build(&[document], paths, Findings::default())
    }

    /// Reads `text` as if it were the user's `config.toml`, with every other file there is.
    ///
    /// # Errors
    /// For every mistake in them.
    pub fn proposed(text: &str, paths: &Paths) -> Result<Self, ConfigError> {
        let mut findings = Findings::default();
        let mut documents = layers::read(paths, &mut findings);
        documents.retain(|document| document.path != paths.config);
        documents.insert(0, Document::from_text(&paths.config, text));
        Self::build(&documents, paths, findings)
    }

    /// The catalogs that the user's files include by address and that are not here yet, and what has
    /// to be known to reach them.
    ///
    /// # Errors
    /// If the user's files cannot be read so far.
    pub fn missing(paths: &Paths) -> Result<(Vec<Pinned>, Danger), ConfigError> {
        let mut findings = Findings::default();
        let documents = layers::own(paths, &mut findings);
        let absent = |pinned: &Pinned| {
            let copy = std::fs::read(pinned.copy(paths));
            !copy.is_ok_and(|copy| pinned.check(&copy).is_ok())
        };
        let mut missing = layers::pinned(&documents);
        missing.retain(absent);
        let parsed: Vec<(&Document, DeTable<'_>)> = documents
            .iter()
            .filter_map(|document| Some((document, layers::parse(document, &mut findings)?)))
            .collect();
        let mut entries = Entries::default();
        for (document, table) in &parsed {
            entries.add(document, table, &mut findings);
        }
        let danger = settings::danger(&entries, paths.home.as_deref(), &mut findings);
        match findings.problems.is_empty() {
            true => Ok((missing, danger)),
            false => Err(ConfigError::Invalid(findings.problems)),
        }
    }

    /// What is allowed but deserves a second look.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    fn build(
        documents: &[Document],
        paths: &Paths,
        mut findings: Findings,
    ) -> Result<Self, ConfigError> {
        let parsed: Vec<(&Document, DeTable<'_>)> = documents
            .iter()
            .filter_map(|document| Some((document, layers::parse(document, &mut findings)?)))
            .collect();
        // A file that is no TOML takes its names with it: more findings would only mislead.
        if !findings.problems.is_empty() {
            return Err(ConfigError::Invalid(findings.problems));
        }
        let mut entries = Entries::default();
        for (document, table) in &parsed {
            entries.add(document, table, &mut findings);
        }
        let mut config = read(&entries, paths, &mut findings);
        if !findings.problems.is_empty() {
            let place = |it: &Problem| (it.file.clone(), it.line);
            findings.problems.sort_by_key(place);
            return Err(ConfigError::Invalid(findings.problems));
        }
        config.files = documents.iter().map(|file| file.path.clone()).collect();
        config.warnings = findings.warnings;
        Ok(config)
    }
}

fn read(entries: &Entries<'_>, paths: &Paths, findings: &mut Findings) -> Config {
    let home = paths.home.as_deref();
    let danger = settings::danger(entries, home, findings);
    let tenants = named(entries.of(Noun::Tenant), |entry| {
        access::tenant(entry, paths, &danger, findings)
    });
    let windows = named(entries.of(Noun::Window), |entry| {
        window::window(entry, entries, &tenants, findings)
    });
    let vaults = named(entries.of(Noun::Vault), |entry| {
        access::vault(entry, entries, &windows, &danger, findings)
    });
    Config {
        agent: settings::agent(entries, paths, findings),
        audit: settings::audit(entries, paths, findings),
        catalog: credential::catalog(entries, &vaults, findings),
        danger,
        files: Vec::new(),
        tenants: things(tenants),
        vaults: things(vaults),
        windows: things(windows),
        warnings: Vec::new(),
    }
}

type Named<T> = Vec<(Name, Arc<T>)>;

fn named<'e, 'd: 'e, T>(
    entries: impl Iterator<Item = &'e entries::Entry<'d>>,
    mut read: impl FnMut(&'e entries::Entry<'d>) -> Option<T>,
) -> Named<T> {
    entries
        .filter_map(|entry| Some((entry.name.clone(), Arc::new(read(entry)?))))
        .collect()
}

fn things<T>(named: Named<T>) -> Vec<Arc<T>> {
    named.into_iter().map(|(_, thing)| thing).collect()
}
