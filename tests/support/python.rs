//! The Python environment with the clients that others wrote (`tests/requirements.txt`).
#![allow(dead_code, missing_docs, unreachable_pub)]

#[path = "skip.rs"]
pub mod skip;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use skip::skipped;

/// The Python that has them; made once, where `./check` did not make it.
pub fn python() -> Option<PathBuf> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match MADE.get_or_init(environment) {
        Ok(python) => Some(python.clone()),
        Err(problem) if std::env::var_os("PIMENTO_OFFLINE").is_some() => {
            skipped(&format!(
                "no Python ({problem}), and PIMENTO_OFFLINE is set"
            ));
            None
        }
        Err(problem) => panic!(
            "{problem}\nrun `./check tools`, or set PIMENTO_OFFLINE=1 to go without these tests"
        ),
    }
}

fn environment() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let venv = std::env::var_os("PIMENTO_VENV")
        .map_or_else(|| root.join("target/venv"), |venv| root.join(venv));
    let (python, stamp) = (venv.join("bin/python"), venv.join("requirements.installed"));
    let wanted = root.join("tests/requirements.txt");
    let text = |path: &Path| std::fs::read_to_string(path).ok();
    if text(&stamp).is_some() && text(&stamp) == text(&wanted) && python.is_file() {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let quiet = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
    ];
    run(Command::new(&python).args(quiet).arg(&wanted))?;
    std::fs::copy(&wanted, &stamp).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
