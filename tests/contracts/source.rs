//! Where the contracts are, and how a file of them is read.

#[path = "../support/skip.rs"]
pub mod skip;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The contract folder, or `None` with a loud line on stderr when it is not there.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("PIMENTO_CONTRACTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/contracts"),
        PathBuf::from,
    );
    if folder.join("graph/pim-groups.openapi.json").is_file() {
        return Some(folder);
    }
    skip::skipped(&format!(
        "no contracts in {}; set PIMENTO_CONTRACTS to their folder to run this test",
        folder.display()
    ));
    None
}

/// One JSON file; a file that cannot be read fails the test that asked for it.
pub fn json(file: &Path) -> Value {
    let text = std::fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{} is not JSON: {error}", file.display()))
}

/// Every JSON file directly in `folder`, sorted, with its stem.
pub fn json_files(folder: &Path) -> Vec<(String, Value)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let value = json(&path);
            (stem, value)
        })
        .collect()
}
