//! Any text is a configuration or a list of mistakes, each on a line that exists.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pimento::config::{Config, ConfigError, Paths, Problem, Workload};

static PATHS: LazyLock<Paths> = LazyLock::new(|| Paths {
    config: PathBuf::from("/home/ann/.config/pimento/config.toml"),
    managed: PathBuf::from("/nowhere/managed.toml"),
    runtime: PathBuf::from("/run/user/7/pimento"),
    state: PathBuf::from("/home/ann/.local/state/pimento"),
    cache: "/home/ann/.cache/pimento".into(),
    home: None,
    workload: Workload::default(),
});

fuzz_target!(|text: &str| {
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let placed = |it: &Problem| it.line.is_none_or(|line| (1..=lines).contains(&line));
    match Config::parse(text, &PATHS) {
        Ok(config) => {
            // A token is never sent over anything else.
            assert!(
                config
                    .catalog
                    .iter()
                    .all(|it| it.vault.url.scheme() == "https")
            );
            assert!(config.warnings().iter().all(placed));
            assert_eq!(config.files, [PATHS.config.as_path()]);
            let names: Vec<&str> = config.catalog.iter().map(|it| it.name.as_str()).collect();
            assert!(names.iter().all(|name| (1..=64).contains(&name.len())));
            let longer = Config::parse(&format!("{text}\n[key.x]\n"), &PATHS);
            assert!(longer.is_err(), "a key without a vault");
        }
        Err(ConfigError::Absent(_)) => panic!("the text was there"),
        Err(ConfigError::Invalid(problems)) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(placed));
            assert!(problems.iter().all(|it| !it.what.is_empty()));
        }
    }
});
