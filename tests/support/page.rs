//! A page of the documentation: its fenced blocks, each of which has a name for its test, and the
//! commands between backticks.

use std::fs;
use std::path::Path;

pub struct Page {
    /// Its path, without the ending.
    pub name: &'static str,
    /// Name and text.
    blocks: Vec<(String, String)>,
}

impl Page {
    /// The page at `name.md`.
    pub fn at(name: &'static str) -> Self {
        let blocks = fenced(&Self::text(name));
        Self { name, blocks }
    }

    /// Its text.
    pub fn text(name: &str) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.md"));
        fs::read_to_string(&file).unwrap_or_else(|_| panic!("{}", file.display()))
    }

    /// The same page, which has exactly these blocks: one more would be one that no test runs.
    pub fn with(self, blocks: &[&str]) -> Self {
        let name = self.name;
        let mut names = self.names();
        let mut expected = blocks.to_vec();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(
            names, expected,
            "blocks of {name}.md, and those its test runs"
        );
        self
    }

    /// The names of its blocks.
    pub fn names(&self) -> Vec<&str> {
        let names = self.blocks.iter().map(|(name, _)| name.as_str());
        names.collect()
    }

    /// The names of all pages in a folder.
    pub fn all(folder: &str) -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let names = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
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

/// The blocks between fences: ```` ```LANGUAGE NAME ````, as far to the right as their first line.
fn fenced(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some((indent, info)) = line.split_once("```") else {
            continue;
        };
        if !indent.trim().is_empty() {
            continue;
        }
        let words: Vec<&str> = info.split(' ').collect();
        let [_, name] = words.as_slice() else {
            panic!("a block without a name is one that no test runs: {line}");
        };
        let body = lines.by_ref().take_while(|line| line.trim() != "```");
        let body: Vec<&str> = body
            .map(|line| line.strip_prefix(indent).unwrap_or(line))
            .collect();
        blocks.push(((*name).to_owned(), format!("{}\n", body.join("\n"))));
    }
    blocks
}

/// What stands between backticks outside of blocks.
pub fn spans(text: &str) -> Vec<String> {
    let mut prose = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    let spans = prose.split('`').skip(1).step_by(2);
    let words = |it: &str| it.split_whitespace().collect::<Vec<_>>().join(" ");
    spans.map(words).collect()
}

#[test]
fn a_block_is_what_stands_between_its_fences() {
    let text = "a\n```sh one\nb\n\nc\n```\nd\n```ini two\n```\n";
    let block = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(fenced(text), [block("one", "b\n\nc\n"), block("two", "\n")]);
    let deeper = "1. a\n\n   ```sh one\n   b \\\n     c\n   ```\n";
    assert_eq!(fenced(deeper), [block("one", "b \\\n  c\n")]);
}

#[test]
#[should_panic(expected = "no test runs")]
fn a_block_without_a_name_is_refused() {
    fenced("```sh\nrm -r x\n```\n");
}

#[test]
fn what_stands_between_backticks_is_one_line_and_in_no_block() {
    let text = "a `b\n  c` d\n```sh e\n`f`\n```\n`g`\n";
    assert_eq!(spans(text), ["b c", "g"]);
}
