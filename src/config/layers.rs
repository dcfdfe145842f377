//! Which files make up the configuration, and whose word each is.
//!
//! User: `config.toml`, then `config.d/*.toml` by name. Team: what those include. Managed: the
//! administrator's file, honoured only if nobody but root could have written it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::document::{Document, Layer, Place};
use super::include::{self, Include, Pinned};
use super::paths::Paths;
use super::problem::{Findings, Problem};
use super::section::fields;

/// Reads every file there is; what can't be read is a finding.
pub(super) fn read(paths: &Paths, findings: &mut Findings) -> Vec<Document> {
    let mut documents = own(paths, findings);
    for at in 0..documents.len() {
        let included = match documents.get(at) {
            Some(document) => included(document, &documents, paths, findings),
            None => Vec::new(),
        };
        documents.extend(included);
    }
    documents.extend(managed(&paths.managed, findings));
    for document in &documents {
        if document.custody.shared {
            warn_of_sharing(document, findings);
        }
    }
    documents
}

/// Reads the user's own files.
pub(super) fn own(paths: &Paths, findings: &mut Findings) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut wanted = vec![paths.config.clone()];
    wanted.extend(drop_ins(&paths.config, findings));
    for path in wanted {
        documents.extend(read_one(&path, Layer::User, findings));
    }
    documents
}

/// The catalogs that `documents` include by address.
pub(super) fn pinned(documents: &[Document]) -> Vec<Pinned> {
    // What is wrong with them is told when they are read.
    let mut findings = Findings::default();
    let mut all = Vec::new();
    for document in documents {
        for_each_include(document, &mut findings, |include, _| {
            if let Include::Pinned(pinned, _) = include {
                all.push(pinned);
            }
        });
    }
    all
}

/// Parses `document`. A text that others could misuse is refused before anything quotes it.
pub(super) fn parse<'d>(document: &'d Document, findings: &mut Findings) -> Option<DeTable<'d>> {
    if let Some(offset) = document.text.find("PRIVATE KEY-----") {
        findings.wrong(
            Place { document, offset },
            "a private key does not belong into a configuration file",
            "it lay on disk in the clear, so make a new one (`ssh-keygen -t ed25519`), put that \
             into the vault with `az keyvault secret set --file`, remove the old public key from \
             every host, and delete these lines; public_key takes the line of the .pub file",
        );
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(&document.text);
    for error in &errors {
        let offset = error.span().map_or(0, |span| span.start);
        findings.wrong(
            Place { document, offset },
            format!("this is not TOML: {}", error.message()),
            "texts stand in double quotes, each field on a line of its own",
        );
    }
    errors.is_empty().then(|| table.into_inner())
}

fn drop_ins(config: &Path, findings: &mut Findings) -> Vec<PathBuf> {
    let folder = config.parent().unwrap_or(Path::new("")).join("config.d");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != ErrorKind::NotFound {
                findings.problems.push(unreadable(&folder, &error));
            }
            return Vec::new();
        }
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    files.sort();
    files
}

fn read_one(path: &Path, layer: Layer, findings: &mut Findings) -> Option<Document> {
    match Document::read(path, layer) {
        Ok(document) => Some(document),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            findings.problems.push(unreadable(path, &error));
            None
        }
    }
}

fn included(
    document: &Document,
    read: &[Document],
    paths: &Paths,
    findings: &mut Findings,
) -> Vec<Document> {
    let mut documents = Vec::new();
    for_each_include(document, findings, |include, findings| match include {
        Include::Pinned(pinned, place) => {
            documents.extend(include::copied(&pinned, place, paths, findings));
        }
        Include::File(file) => {
            let path = document.resolve(file.text, paths.home.as_deref());
            if include::known(&path, read) || include::known(&path, &documents) {
                let what = format!("{} is read already", path.display());
                findings.wrong(file.place, what, "take it out of the list");
                return;
            }
            match Document::read(&path, Layer::Team) {
                Ok(document) => documents.push(document),
                Err(error) => findings.wrong(
                    file.place,
                    format!("cannot include {}: {error}", path.display()),
                    "mount or copy that file, or take it out of the list",
                ),
            }
        }
    });
    documents
}

/// Only the user's own files include others: what is not of the user's writing names no more.
fn for_each_include(
    document: &Document,
    findings: &mut Findings,
    mut each: impl FnMut(Include<'_>, &mut Findings),
) {
    if document.layer != Layer::User {
        return;
    }
    // Its mistakes are found when all files are parsed; here only the list is wanted.
    let (table, _) = DeTable::parse_recoverable(&document.text);
    let include = fields(document, table.get_ref())
        .into_iter()
        .find(|field| field.name == "include");
    let Some(field) = include else { return };
    for include in include::list(field, findings) {
        each(include, findings);
    }
}

fn managed(path: &Path, findings: &mut Findings) -> Option<Document> {
    let document = read_one(path, Layer::Managed, findings)?;
    if document.custody.by_root && !document.custody.shared {
        return Some(document);
    }
    findings.problems.push(Problem {
        file: path.to_owned(),
        line: None,
        what: "the managed configuration is not root's alone, so it cannot be trusted".to_owned(),
        remedy: format!(
            "an administrator runs `chown root {0}` and `chmod 644 {0}`",
            path.display()
        ),
    });
    None
}

fn warn_of_sharing(document: &Document, findings: &mut Findings) {
    findings.warnings.push(Problem {
        file: document.path.clone(),
        line: None,
        what: "other users can change this file, and so what your credentials are used for"
            .to_owned(),
        remedy: format!("`chmod go-w {}`", document.path.display()),
    });
}

fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem {
        file: path.to_owned(),
        line: None,
        what: format!("cannot be read: {error}"),
        remedy: "make it a text file in UTF-8 that you may read, or remove it".to_owned(),
    }
}
