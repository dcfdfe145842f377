//! What the tools of systemd, man and the shells say of the files that packages bring.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::home::text;

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd")
}

/// `systemd-analyze` over copies of the units, with `change` made to the service.
fn analyze(args: &[&str], change: impl Fn(String) -> String) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    for unit in ["pimento.socket", "pimento.service"] {
        let text = fs::read_to_string(units().join(unit)).unwrap();
        // The program has to be there to be verified, and the man page is not installed.
        let text = text.replace("/usr/bin/pimento", env!("CARGO_BIN_EXE_pimento"));
        let text = text.replace("Documentation=", "#");
        let text = if unit == "pimento.service" {
            change(text)
        } else {
            text
        };
        fs::write(folder.path().join(unit), text).unwrap();
    }
    let analyzed = Command::new("systemd-analyze")
        .arg("--user")
        .args(args)
        .args(
            ["pimento.service", "pimento.socket"]
                .iter()
                .take(match args[0] {
                    "verify" => 2,
                    _ => 1,
                })
                .map(|unit| folder.path().join(unit)),
        )
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
        .unwrap();
    let told = text(&analyzed.stdout) + &text(&analyzed.stderr);
    (analyzed.status.success(), told)
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    let (ok, told) = analyze(&["verify"], |service| service);
    assert!(ok && told.is_empty(), "{told}");
    let (ok, told) = analyze(&["verify"], |it| it.replace("Type=notify", "Type=twice"));
    assert!(!ok || told.contains("twice"), "{told}");
}
