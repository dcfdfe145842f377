//! The files of all layers laid over each other.
//!
//! Whatever is said twice is said by the managed file, or it is a mistake: which of two files wins
//! should never depend on their order.

use toml::de::DeTable;

use super::document::{Document, Layer, Place};
use super::problem::Findings;
use super::section::{Field, Section, Text, fields};
use crate::catalog::{Name, nearest};

/// What can be configured under a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Noun {
    Ca,
    Certificate,
    Key,
    Password,
    Tenant,
    Vault,
    Window,
}

impl Noun {
    const ALL: [Self; 7] = [
        Self::Ca,
        Self::Certificate,
        Self::Key,
        Self::Password,
        Self::Tenant,
        Self::Vault,
        Self::Window,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Certificate => "certificate",
            Self::Key => "key",
            Self::Password => "password",
            Self::Tenant => "tenant",
            Self::Vault => "vault",
            Self::Window => "window",
        }
    }

    /// Credentials of all kinds share their names: records and requests have the name alone.
    fn shares_names_with(self, other: Self) -> bool {
        let credential = |noun| {
            matches!(
                noun,
                Self::Ca | Self::Certificate | Self::Key | Self::Password
            )
        };
        self == other || (credential(self) && credential(other))
    }
}

/// One thing with a name.
#[derive(Debug)]
pub(super) struct Entry<'d> {
    pub(super) noun: Noun,
    pub(super) name: Name,
    pub(super) section: Section<'d>,
}

/// Everything that the files say.
#[derive(Debug, Default)]
pub(super) struct Entries<'d> {
    entries: Vec<Entry<'d>>,
    settings: Vec<(&'static str, Section<'d>)>,
}

impl<'d> Entries<'d> {
    /// Takes in everything that `table` says.
    pub(super) fn add(
        &mut self,
        document: &'d Document,
        table: &'d DeTable<'d>,
        findings: &mut Findings,
    ) {
        for field in fields(document, table) {
            let noun = Noun::ALL.into_iter().find(|noun| noun.word() == field.name);
            let settings = SETTINGS.into_iter().find(|name| *name == field.name);
            match (noun, settings) {
                (Some(noun), _) => self.add_entries(noun, field, findings),
                (_, Some(name)) => self.add_settings(name, field, findings),
                _ if field.name == "include" => {
                    if document.layer != Layer::User {
                        let what = "only your own files can include others";
                        findings.wrong(field.place, what, "list the file in your config.toml");
                    }
                }
                _ => unknown(field, findings),
            }
        }
    }

    /// All entries of that kind, in the order of the files.
    pub(super) fn of(&self, noun: Noun) -> impl Iterator<Item = &Entry<'d>> {
        self.entries.iter().filter(move |entry| entry.noun == noun)
    }

    /// All certificates, keys and passwords, in the order of the files.
    pub(super) fn credentials(&self) -> impl Iterator<Item = &Entry<'d>> {
        let credential = |noun| matches!(noun, Noun::Certificate | Noun::Key | Noun::Password);
        self.entries
            .iter()
            .filter(move |entry| credential(entry.noun))
    }

    /// The settings of that name.
    pub(super) fn settings(&self, name: &str) -> Option<&Section<'d>> {
        let found = self.settings.iter().find(|(known, _)| *known == name);
        found.map(|(_, section)| section)
    }

    /// What `reference` names among `built`. That it was configured with a mistake of its own is
    /// no second mistake.
    pub(super) fn find<'b, T>(
        &self,
        noun: Noun,
        reference: Text<'_>,
        built: &'b [(Name, T)],
        findings: &mut Findings,
    ) -> Option<&'b T> {
        let wanted = reference.text;
        let found = built.iter().find(|(name, _)| name.as_str() == wanted);
        if found.is_none() && !self.of(noun).any(|entry| entry.name.as_str() == wanted) {
            let word = noun.word();
            let names = self.of(noun).map(|entry| entry.name.as_str());
            let remedy = match nearest(wanted, names) {
                Some(name) => format!("did you mean {name:?}?"),
                None => format!("add [{word}.NAME], or name one that exists"),
            };
            let what = format!("there is no {word} named {wanted:?}");
            findings.wrong(reference.place, what, remedy);
        }
        found.map(|(_, thing)| thing)
    }

    fn add_entries(&mut self, noun: Noun, field: Field<'d>, findings: &mut Findings) {
        let Some(group) = field.section(noun.word().to_owned(), findings) else {
            return;
        };
        for field in group.fields {
            let what = format!("{} {}", noun.word(), field.name);
            let name = match Name::parse(field.name) {
                Ok(name) => name,
                Err(problem) => {
                    let remedy = format!("give the {} another name", noun.word());
                    findings.wrong(field.place, problem.to_string(), remedy);
                    continue;
                }
            };
            if field.value.as_table().is_none() {
                let word = noun.word();
                findings.wrong(
                    field.place,
                    format!("[{word}] holds only named tables, and {name} is none"),
                    format!("write [{word}.NAME] and put {name} below it"),
                );
                continue;
            }
            if let Some(section) = field.section(what, findings) {
                self.add_entry(
                    Entry {
                        noun,
                        name,
                        section,
                    },
                    findings,
                );
            }
        }
    }

    fn add_entry(&mut self, entry: Entry<'d>, findings: &mut Findings) {
        let same = |known: &Entry<'_>| {
            known.noun.shares_names_with(entry.noun) && known.name == entry.name
        };
        match self.entries.iter_mut().find(|known| same(known)) {
            None => self.entries.push(entry),
            Some(known) => {
                let what = known.section.what.clone();
                if prevails(&what, known.section.place, entry.section.place, findings) {
                    *known = entry;
                }
            }
        }
    }

    fn add_settings(&mut self, name: &'static str, field: Field<'d>, findings: &mut Findings) {
        let Some(added) = field.section(format!("[{name}]"), findings) else {
            return;
        };
        let Some((_, known)) = self.settings.iter_mut().find(|(known, _)| *known == name) else {
            self.settings.push((name, added));
            return;
        };
        for field in added.fields {
            match known
                .fields
                .iter_mut()
                .find(|known| known.name == field.name)
            {
                None => known.fields.push(field),
                Some(known) => {
                    let what = format!("{name}.{}", field.name);
                    if prevails(&what, known.place, field.place, findings) {
                        *known = field;
                    }
                }
            }
        }
    }
}

/// Whether the later of two definitions wins; files come with the managed one last.
fn prevails(what: &str, first: Place<'_>, second: Place<'_>, findings: &mut Findings) -> bool {
    if second.document.layer == Layer::Managed {
        findings.odd(
            first,
            format!("{what} is set by your administrator ({second}), so this is ignored"),
            "remove it here",
        );
        return true;
    }
    findings.wrong(
        second,
        format!("{what} is already configured ({first})"),
        "remove one of the two, or give it another name; keys and passwords share their names",
    );
    false
}

fn unknown(field: Field<'_>, findings: &mut Findings) {
    let nouns = Noun::ALL.map(Noun::word);
    let known = || nouns.iter().copied().chain(SETTINGS).chain(["include"]);
    let remedy = match nearest(field.name, known()) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("there can be: {}", known().collect::<Vec<_>>().join(", ")),
    };
    let what = format!("{:?} is not a section of the configuration", field.name);
    findings.wrong(field.place, what, remedy);
}

const SETTINGS: [&str; 3] = ["agent", "audit", "danger"];
