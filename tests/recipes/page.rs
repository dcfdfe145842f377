//! A page of `docs/recipes`: its fenced blocks, each of which has a name for its test.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Page {
    name: &'static str,
    /// Name and text.
    blocks: Vec<(String, String)>,
}

impl Page {
    /// The page of that name, which has exactly these blocks: one more would be one that no test
    /// runs.
    pub fn read(name: &'static str, blocks: &[&str]) -> Self {
        let text = fs::read_to_string(folder().join(format!("{name}.md"))).unwrap();
        let page = Self {
            name,
            blocks: fenced(&text),
        };
        let mut names: Vec<&str> = page.blocks.iter().map(|(name, _)| name.as_str()).collect();
        let mut expected = blocks.to_vec();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(
            names, expected,
            "blocks of {name}.md, and those its test runs"
        );
        page
    }

    /// The names of all pages.
    pub fn all() -> Vec<String> {
        let entries = fs::read_dir(folder()).unwrap();
        let names = entries.map(|entry| entry.unwrap().path());
        names
            .filter(|path| path.extension().is_some_and(|it| it == "md"))
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    /// A block, with each of these replaced, which must be there.
    pub fn block(&self, name: &str, replaced: &[(&str, &str)]) -> String {
        let found = self.blocks.iter().find(|(known, _)| known == name);
        let mut text = found.unwrap_or_else(|| panic!("{name}")).1.clone();
        for (from, to) in replaced {
            assert!(text.contains(from), "{}.md, {name}: no {from:?}", self.name);
            text = text.replace(from, to);
        }
        text
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes")
}

/// The blocks between fences: ```` ```LANGUAGE NAME ````.
fn fenced(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let words: Vec<&str> = info.split(' ').collect();
        let [_, name] = words.as_slice() else {
            panic!("a block without a name is one that no test runs: {line}");
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(((*name).to_owned(), format!("{}\n", body.join("\n"))));
    }
    blocks
}

#[test]
fn a_block_is_what_stands_between_its_fences() {
    let text = "a\n```sh one\nb\n\nc\n```\nd\n```ini two\n```\n";
    let block = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(fenced(text), [block("one", "b\n\nc\n"), block("two", "\n")]);
}

#[test]
#[should_panic(expected = "no test runs")]
fn a_block_without_a_name_is_refused() {
    fenced("```sh\nrm -r x\n```\n");
}
