//! Finds the path template of a description that a path was made from.

use serde_json::Value;

/// The template with the most literal segments that fits `path` and has `method`, and how
/// many they are.
pub fn best_template<'a>(
    document: &'a Value,
    method: &str,
    path: &str,
) -> Option<(usize, &'a str)> {
    document["paths"]
        .as_object()?
        .iter()
        .filter(|(_, operations)| operations.get(method).is_some())
        .filter_map(|(template, _)| {
            fits(template, path).map(|literals| (literals, template.as_str()))
        })
        .max()
}

/// How many segments of the template are literal, if it fits. A missing last `{…-version}` means
/// the newest version; `{scope}` swallows any number of segments, also none.
fn fits(template: &str, path: &str) -> Option<usize> {
    let mut template: Vec<&str> = template.trim_start_matches('/').split('/').collect();
    let mut path: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    if path.len() > 1 && path.last() == Some(&"") {
        path.pop();
    }
    if template.first() == Some(&"{scope}") {
        template.remove(0);
        let providers = path.iter().rposition(|segment| *segment == "providers")?;
        path.drain(..providers);
    }
    let newest = template
        .last()
        .is_some_and(|last| last.ends_with("-version}"));
    if newest && path.len() + 1 == template.len() {
        template.pop();
    }
    if template.len() != path.len() {
        return None;
    }
    let mut literals = 0;
    for (wanted, given) in template.iter().zip(&path) {
        match wanted.split_once('{') {
            None if wanted == given => literals += 1,
            None => return None,
            Some((before, rest)) => {
                let after = rest.split_once('}').map_or("", |(_, after)| after);
                let long_enough = given.len() > before.len() + after.len();
                if !(long_enough && given.starts_with(before) && given.ends_with(after)) {
                    return None;
                }
                literals += usize::from(!before.is_empty());
            }
        }
    }
    Some(literals)
}
