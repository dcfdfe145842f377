//! Texts with places to fill, written `@NAME@`.
//!
//! Enters: a template of this folder, and what belongs into its places. Leaves: the text. What
//! never happens here: a place that stays open, which a test of every form looks for.

/// `template` with its places filled.
///
/// What is filled in is made of names, GUIDs, host names and numbers only, so it needs no quotes of
/// its own in any of the three languages.
pub(super) fn fill(template: &str, places: &[(&str, &str)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in places {
        text = text.replace(&format!("@{name}@"), value);
    }
    text
}
