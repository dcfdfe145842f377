//! Any text is a configuration or a list of mistakes, each on a line that exists.
#![no_main]

use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use pimento::config::{Config, ConfigError, Paths};

fuzz_target!(|text: &str| {
    let paths = Paths {
        config: PathBuf::from("/home/ann/.config/pimento/config.toml"),
        managed: PathBuf::from("/nowhere/managed.toml"),
        runtime: PathBuf::from("/run/user/7/pimento"),
        state: PathBuf::from("/home/ann/.local/state/pimento"),
        home: None,
    };
    match Config::parse(text, &paths) {
        Ok(config) => assert!(config.catalog.iter().all(|it| it.vault.url.scheme() == "https")),
        Err(ConfigError::Absent(_)) => panic!("the text was there"),
        Err(ConfigError::Invalid(problems)) => {
            let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|it| it.line.is_none_or(|line| line <= lines)));
        }
    }
});
