//! The invariants of ARCHITECTURE.md that neither a type nor a lint can hold: read off the sources.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below `src`, and its lines without tests and comments.
struct Source {
    path: String,
    lines: Vec<String>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 30, "the sources were not found");
    let read = |file: PathBuf| {
        let path = file.strip_prefix(&root).unwrap().to_string_lossy();
        let text = fs::read_to_string(&file).unwrap();
        let production = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code = |line: &&str| !line.trim_start().starts_with("//");
        Source {
            path: path.replace('\\', "/"),
            lines: production.lines().filter(code).map(str::to_owned).collect(),
        }
    };
    files
        .into_iter()
        .map(read)
        .filter(|it| !is_test(it))
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn is_test(source: &Source) -> bool {
    let path = &source.path;
    ["/tests.rs", "/tests/", "/testing.rs", "/manual.rs"]
        .iter()
        .any(|part| path.contains(part))
}

/// Every line outside of `allowed` that has one of `words`.
fn found(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources() {
        if allowed.iter().any(|prefix| source.path.starts_with(prefix)) {
            continue;
        }
        for line in &source.lines {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("src/{}: {}", source.path, line.trim()));
            }
        }
    }
    found
}

#[test]
fn only_the_clock_reads_a_clock() {
    let clocks = [
        "Instant::now",
        "SystemTime",
        "Timestamp::now",
        "Zoned::now",
        "clock_gettime",
        "UtcDateTime::now",
        "OffsetDateTime::now",
    ];
    // The emulator is another machine, with a clock of its own; the demo shows how long things took.
    let found = found(&clocks, &["clock.rs", "emulator", "demo"]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn nothing_but_the_demo_and_the_command_line_reaches_into_the_emulator() {
    let words = ["emulator::", "cfg(feature = \"emulator\")"];
    let allowed = ["emulator", "demo", "cli", "main.rs", "lib.rs"];
    assert_eq!(found(&words, &allowed), [""; 0]);
}

/// The modules of this crate that a source names, one by one or several in braces.
fn named(source: &Source) -> Vec<String> {
    let text = source.lines.join(" ");
    let mut named = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            named.push(rest);
            continue;
        };
        let mut depth = 0;
        let mut begins = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    named.push(&group[begins..at]);
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    named.push(&group[begins..at]);
                    begins = at + 1;
                }
                _ => {}
            }
        }
    }
    let word = |text: &str| {
        let text = text.trim_start().chars();
        text.take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    named.into_iter().map(word).collect()
}

#[test]
fn what_an_ask_passes_through_knows_no_door_and_no_command() {
    let outer = [
        "agent",
        "bin",
        "cli",
        "control",
        "credentials",
        "demo",
        "doctor",
        "emulator",
        "house",
        "lib",
        "main",
        "run",
        "setup",
    ];
    let inner = [
        "aftermath",
        "ages",
        "audit",
        "broker",
        "catalog",
        "certify",
        "clock",
        "cloud",
        "config",
        "cores",
        "file",
        "harden",
        "inert",
        "known_hosts",
        "listen",
        "markup",
        "outside",
        "pattern",
        "pipeline",
        "policy",
        "prompt",
        "refusal",
        "requester",
        "secret",
        "signature",
        "supervisor",
        "window",
        "wire",
    ];
    let mut problems = Vec::new();
    for source in sources() {
        let module = source.path.split(['/', '.']).next().unwrap();
        if outer.contains(&module) {
            continue;
        }
        if !inner.contains(&module) {
            problems.push(format!("src/{} is in neither list", source.path));
        }
        let doors = named(&source)
            .into_iter()
            .filter(|it| outer.contains(&it.as_str()));
        problems.extend(doors.map(|door| format!("src/{} names {door}", source.path)));
    }
    assert_eq!(problems, [""; 0]);
}

#[test]
fn only_the_places_that_hand_a_password_on_can_read_it() {
    let read = |source: &Source| {
        let password = |line: &String| {
            line.contains("Material::Password(") && !line.contains("Material::Password(_)")
        };
        source.lines.iter().any(password)
    };
    let mut readers: Vec<String> = sources()
        .iter()
        .filter(|source| read(source))
        .map(|source| source.path.clone())
        .collect();
    readers.sort();
    // Where it is made, and where a door's closure is let at it.
    let allowed = |path: &String| path.starts_with("broker/") || path == "house.rs";
    assert!(readers.iter().all(allowed), "{readers:?}");
}

#[test]
fn material_is_never_cloned_compared_printed_or_serialised() {
    let traits = [
        "Clone",
        "Copy",
        "Debug",
        "Display",
        "PartialEq",
        "Serialize",
    ];
    for source in sources() {
        for (index, line) in source.lines.iter().enumerate() {
            for name in [
                "CertifiedKey",
                "ClientCertificate",
                "Material",
                "PrivateKey",
                "Password",
                "Uncertified",
            ] {
                let implemented = |it: &&str| {
                    line.starts_with("impl") && line.contains(&format!("{it} for {name} "))
                };
                let bad = traits.iter().find(|it| implemented(it));
                assert!(bad.is_none(), "src/{}: {line}", source.path);
                let defined = ["enum", "struct"].iter().any(|kind| {
                    let definition = format!("pub {kind} {name}");
                    line.strip_prefix(&definition)
                        .is_some_and(|rest| rest.starts_with([' ', '(']))
                });
                let derived = source.lines[..index]
                    .last()
                    .is_some_and(|it| it.contains("derive"));
                assert!(!(defined && derived), "src/{}: {line}", source.path);
            }
        }
    }
}

#[test]
fn unsafe_code_is_below_secret_only() {
    let unsafe_code = found(
        &["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"],
        &["secret/"],
    );
    assert!(unsafe_code.is_empty(), "{unsafe_code:#?}");
}
