//! What a variable or a file is made of: a password, or a text with passwords in it.
//!
//! Nothing here is secret: these are names and references, as they were given.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;

use super::super::Failure;
use super::forms::Form;
use crate::catalog::{Name, Reference};
use crate::refusal::ExitCode;

/// `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    /// The variable's name.
    pub(super) name: String,
    pub(super) value: Value,
}

impl Assignment {
    /// Reads an option's value.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("it is not NAME=VALUE")?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err("the variable has no name".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            value: Value::parse(value)?,
        })
    }
}

/// What a variable or a file is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A password and nothing else, by its name or a reference.
    Alone(String),
    /// A text.
    Text(Vec<Piece>),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// As it stands.
    Literal(String),
    /// A password, by a reference.
    Secret { reference: String, form: Form },
}

impl Value {
    /// Reads a password's name, a reference, or a text with `{REFERENCE}` or `{REFERENCE|FORM}`
    /// in it. Other braces stay as they are.
    fn parse(text: &str) -> Result<Self, String> {
        if Reference::is_meant(text) {
            checked(text)?;
        } else if text.contains(OPENS) {
            return Self::text(text);
        } else {
            Name::parse(text).map_err(|_| {
                format!("{text:?} has no password in it: neither a name, nor {OPENS}VAULT/SECRET}}")
            })?;
        }
        Ok(Self::Alone(text.to_owned()))
    }

    fn text(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(OPENS) {
            let (before, from) = rest.split_at(at);
            let (inside, after) = from
                .get(1..)
                .and_then(|inside| inside.split_once('}'))
                .ok_or("a brace is not closed")?;
            let (reference, form) = inside.split_once('|').unwrap_or((inside, ""));
            checked(reference)?;
            if !before.is_empty() {
                pieces.push(Piece::Literal(before.to_owned()));
            }
            pieces.push(Piece::Secret {
                reference: reference.to_owned(),
                form: Form::parse(form)?,
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self::Text(pieces))
    }

    /// The passwords in it.
    pub(super) fn references(&self) -> impl Iterator<Item = &String> {
        let (alone, pieces) = match self {
            Self::Alone(reference) => (Some(reference), &[][..]),
            Self::Text(pieces) => (None, pieces.as_slice()),
        };
        let inside = pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Secret { reference, .. } => Some(reference),
        });
        alone.into_iter().chain(inside)
    }
}

fn checked(reference: &str) -> Result<(), String> {
    let checked = Reference::parse(reference);
    checked
        .map(drop)
        .map_err(|problem| format!("{reference:?}: {problem}"))
}

/// The variables of the command that hold passwords: those given, and those that are references in
/// our own environment.
pub(super) fn variables(given: Vec<Assignment>) -> Result<Vec<Assignment>, Failure> {
    let mut variables = given;
    for (name, value) in std::env::vars_os() {
        let (Some(name), Some(value)) = (name.to_str(), value.to_str()) else {
            continue;
        };
        if !Reference::is_meant(value) || variables.iter().any(|known| known.name == name) {
            continue;
        }
        let value = Value::parse(value).map_err(|problem| {
            let message = format!("the variable {name} is no reference: {problem}");
            let advice = "correct it, or unset it";
            Failure::new("usage", ExitCode::Usage, message, advice)
        })?;
        let name = name.to_owned();
        variables.push(Assignment { name, value });
    }
    Ok(variables)
}

/// Every password of `assignments`, once.
pub(super) fn references<'a>(
    assignments: impl Iterator<Item = &'a Assignment>,
) -> BTreeSet<String> {
    assignments
        .flat_map(|it| it.value.references())
        .cloned()
        .collect()
}

/// A span of time that does not go back.
pub(super) fn span(span: SignedDuration) -> Result<Duration, Failure> {
    Duration::try_from(span).map_err(|_| {
        let message = "--before is not a span of time";
        Failure::new("usage", ExitCode::Usage, message, "for example --before 1m")
    })
}

const OPENS: &str = "{pimento://";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    fn secret(reference: &str, form: Form) -> Piece {
        let reference = reference.to_owned();
        Piece::Secret { reference, form }
    }

    #[test]
    fn a_value_is_a_name_a_reference_or_a_text_with_references() {
        let alone = |text: &str| Ok(Value::Alone(text.to_owned()));
        assert_eq!(Value::parse("app-db"), alone("app-db"));
        assert_eq!(Value::parse("pimento://kv/db"), alone("pimento://kv/db"));
        assert_eq!(
            Value::parse("db:*:{x}:{pimento://kv/db|pgpass}{pimento://kv/b@previous}"),
            Ok(Value::Text(vec![
                literal("db:*:{x}:"),
                secret("pimento://kv/db", Form::PgPass),
                secret("pimento://kv/b@previous", Form::Plain),
            ]))
        );
    }

    #[test]
    fn what_would_give_the_command_no_password_is_refused() {
        for text in [
            "",
            "two words",
            "pimento://kv",
            "{db}",
            "{pimento://kv/db",
            "{pimento://kv}",
            "{pimento://kv/db|base32}",
            "db pimento://kv/db",
        ] {
            assert!(Value::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_assignment_has_a_name_and_a_value() {
        assert_eq!(Assignment::parse("A=b").unwrap().name, "A");
        for text in ["", "A", "=b", "A=", "A B=c"] {
            assert!(Assignment::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_password_is_wanted_once() {
        let given = ["A=db", "B=db", "C={pimento://kv/db}{pimento://kv/db|url}"];
        let given = given.map(|text| Assignment::parse(text).unwrap());
        let wanted: Vec<_> = references(given.iter()).into_iter().collect();
        assert_eq!(wanted, ["db", "pimento://kv/db"]);
    }

    proptest! {
        #[test]
        fn no_text_loses_anything(before in "[ -z]{0,9}", name in "[a-z]{1,9}", after in "[ -~]{0,9}") {
            let text = format!("{before}{{pimento://kv/{name}}}{after}");
            prop_assume!(!after.contains(OPENS));
            let Ok(Value::Text(pieces)) = Value::parse(&text) else {
                return Err(TestCaseError::fail(text));
            };
            let again: String = pieces.iter().map(|piece| match piece {
                Piece::Literal(text) => text.clone(),
                Piece::Secret { reference, .. } => format!("{{{reference}}}"),
            }).collect();
            prop_assert_eq!(again, text);
        }
    }
}
