#![allow(missing_docs, clippy::panic, clippy::unwrap_used)]
//! `docs/rfc9987.md` names a test for each requirement: all of them have to exist.

use std::path::Path;

/// Everything that is written in Rust under `folder`.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|it| it == "rs") {
            text.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_requirement_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    sources(&root.join("src"), &mut text);
    sources(&root.join("tests"), &mut text);
    let table = std::fs::read_to_string(root.join("docs/rfc9987.md")).unwrap();
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| section"));
    let mut requirements = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [_section, _level, _requirement, _pimento, tests] = cells.as_slice() else {
            panic!("five columns: {row}");
        };
        let mut named = 0;
        for test in tests.trim_matches([' ', '|']).split(", ") {
            let name = test.trim_matches('`');
            assert!(
                text.contains(&format!("fn {name}(")),
                "there is no test {name:?}: {row}"
            );
            named += 1;
        }
        assert!(named > 0, "{row}");
        requirements += 1;
    }
    assert!(requirements >= 25, "{requirements} requirements");
}
