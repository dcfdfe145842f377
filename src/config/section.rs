//! Reads the fields of one table. Every wrong type or unknown field is a finding with its line.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Document, Place};
use super::problem::Findings;
use crate::catalog::nearest;

/// A field: its name, its place and its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'d> {
    pub(super) name: &'d str,
    pub(super) place: Place<'d>,
    pub(super) value: &'d DeValue<'d>,
}

/// A table with what messages call it.
#[derive(Debug)]
pub(super) struct Section<'d> {
    /// Such as `window linux-root`.
    pub(super) what: String,
    pub(super) place: Place<'d>,
    pub(super) fields: Vec<Field<'d>>,
}

/// A text and its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'d> {
    pub(super) text: &'d str,
    pub(super) place: Place<'d>,
}

/// The fields of `table`, in the order of the file.
pub(super) fn fields<'d>(document: &'d Document, table: &'d DeTable<'d>) -> Vec<Field<'d>> {
    let mut fields: Vec<Field<'d>> = table
        .iter()
        .map(|(name, value)| Field {
            name: name.get_ref(),
            place: place(document, name),
            value: value.get_ref(),
        })
        .collect();
    fields.sort_by_key(|field| field.place.offset);
    fields
}

impl<'d> Field<'d> {
    /// The field as a table.
    pub(super) fn section(self, what: String, findings: &mut Findings) -> Option<Section<'d>> {
        let Some(table) = self.value.as_table() else {
            let name = self.name;
            findings.wrong(
                self.place,
                format!("{name} is {}, not a table", kind(self.value)),
                format!("write `[{name}.NAME]` (or `[{name}]` for settings) and its fields below"),
            );
            return None;
        };
        let fields = fields(self.place.document, table);
        Some(Section {
            what,
            place: self.place,
            fields,
        })
    }

    /// The field as a text.
    pub(super) fn text(self, findings: &mut Findings) -> Option<Text<'d>> {
        match self.value {
            DeValue::String(text) => Some(Text {
                text,
                place: self.place,
            }),
            other => {
                findings.wrong(
                    self.place,
                    format!("{} is {}, not a text", self.name, kind(other)),
                    format!("write {} = \"…\"", self.name),
                );
                None
            }
        }
    }

    /// The field as a yes or no.
    pub(super) fn truth(self, findings: &mut Findings) -> Option<bool> {
        let truth = self.value.as_bool();
        if truth.is_none() {
            findings.wrong(
                self.place,
                format!("{} is {}, not a yes or no", self.name, kind(self.value)),
                format!("write {0} = true or {0} = false", self.name),
            );
        }
        truth
    }

    /// The field as a list of texts.
    pub(super) fn texts(self, findings: &mut Findings) -> Option<Vec<Text<'d>>> {
        let all = self.value.as_array().and_then(|values| {
            let text = |value: &'d Spanned<DeValue<'d>>| {
                let text = value.get_ref().as_str()?;
                let place = place(self.place.document, value);
                Some(Text { text, place })
            };
            values.iter().map(text).collect::<Option<Vec<_>>>()
        });
        if all.is_none() {
            findings.wrong(
                self.place,
                format!("{} is not a list of texts", self.name),
                format!("write {} = [\"…\", \"…\"]", self.name),
            );
        }
        all
    }
}

impl<'d> Section<'d> {
    /// Reports every field that is not one of `known`.
    pub(super) fn allow(&self, known: &[&str], findings: &mut Findings) {
        for field in &self.fields {
            if !known.contains(&field.name) {
                let remedy = match nearest(field.name, known.iter().copied()) {
                    Some(name) => format!("did you mean {name}?"),
                    None => format!("it can have: {}", known.join(", ")),
                };
                let what = format!("{} has no field {:?}", self.what, field.name);
                findings.wrong(field.place, what, remedy);
            }
        }
    }

    /// The field of that name.
    pub(super) fn field(&self, name: &str) -> Option<Field<'d>> {
        self.fields.iter().find(|field| field.name == name).copied()
    }

    /// A text that may be left out.
    pub(super) fn text(&self, name: &str, findings: &mut Findings) -> Option<Text<'d>> {
        self.field(name)?.text(findings)
    }

    /// What is said of it elsewhere, as if it stood in it.
    pub(super) const fn says<'t>(&self, text: &'t str) -> Text<'t>
    where
        'd: 't,
    {
        let place = self.place;
        Text { text, place }
    }

    /// A text that must be there.
    pub(super) fn needed(
        &self,
        name: &str,
        remedy: &str,
        findings: &mut Findings,
    ) -> Option<Text<'d>> {
        let Some(field) = self.field(name) else {
            findings.wrong(self.place, format!("{} has no {name}", self.what), remedy);
            return None;
        };
        field.text(findings)
    }

    /// One of some words; `default` if it is left out.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
        default: T,
        findings: &mut Findings,
    ) -> Option<T> {
        let Some(field) = self.field(name) else {
            return Some(default);
        };
        one_of(field.text(findings)?, name, words, findings)
    }
}

/// The meaning of `text` among `words`.
pub(super) fn one_of<T: Copy>(
    text: Text<'_>,
    name: &str,
    words: &[(&str, T)],
    findings: &mut Findings,
) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == text.text);
    if found.is_none() {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        findings.wrong(
            text.place,
            format!("{name} cannot be {:?}", text.text),
            format!("write one of: {}", known.join(", ")),
        );
    }
    found.map(|(_, meaning)| *meaning)
}

fn place<'d, T>(document: &'d Document, spanned: &Spanned<T>) -> Place<'d> {
    let offset = spanned.span().start;
    Place { document, offset }
}

fn kind(value: &DeValue<'_>) -> String {
    let kind = value.type_str();
    let article = if kind.starts_with(['a', 'i']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {kind}")
}
