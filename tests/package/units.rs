//! What the tools of systemd, man and the shells say of the files that packages bring.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::home::text;

fn packaged() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd")
}

/// `systemd-analyze` over copies of the units, with `change` made to the services.
fn analyze(words: &[&str], units: &[&str], change: impl Fn(String) -> String) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    for (packaged_as, unit) in [
        (SOCKET, SOCKET),
        (SERVICE, SERVICE),
        ("pimento@.service", CONFINED),
    ] {
        let text = fs::read_to_string(packaged().join(packaged_as)).unwrap();
        // The program has to be there to be verified, and the man page is not installed.
        let text = text.replace("/usr/bin/pimento", env!("CARGO_BIN_EXE_pimento"));
        let text = text.replace("Documentation=", "#");
        let text = if unit == SOCKET { text } else { change(text) };
        fs::write(folder.path().join(unit), text).unwrap();
    }
    let manager = if units == [CONFINED] {
        "--system"
    } else {
        "--user"
    };
    let analyzed = Command::new("systemd-analyze")
        .arg(manager)
        .args(words)
        .args(units.iter().map(|unit| folder.path().join(unit)))
        .env("XDG_RUNTIME_DIR", folder.path())
        .output()
        .unwrap();
    let told = text(&analyzed.stdout) + &text(&analyzed.stderr);
    (analyzed.status.success(), told)
}

const SOCKET: &str = "pimento.socket";
const SERVICE: &str = "pimento.service";
const CONFINED: &str = "pimento@1000.service";

/// The overall level, from 0 to 10.
fn exposure(unit: &str, change: impl Fn(String) -> String) -> f32 {
    let (_, told) = analyze(&["security", "--offline=yes"], &[unit], change);
    let last = told.lines().rfind(|line| line.contains("Overall exposure"));
    let (_, level) = last.unwrap().rsplit_once(": ").unwrap();
    level.split_whitespace().next().unwrap().parse().unwrap()
}

/// docs/decisions/0009 says why a user's systemd gives no more.
#[test]
fn the_services_exposure_is_what_the_decision_says() {
    let decided =
        fs::read_to_string(packaged().join("../../docs/decisions/0009-what-confines-the-agent.md"));
    let decided = decided.unwrap();
    for (unit, most) in [(SERVICE, 6.3), (CONFINED, 2.5)] {
        let told = exposure(unit, |service| service);
        assert!(told <= most, "{unit}: {told}");
        assert!(decided.contains(&format!(" {told:.1} ")), "{unit}: {told}");
        let unfiltered = exposure(unit, |it| it.replace("SystemCallFilter=", "#"));
        assert!(unfiltered > told, "{unit}: {unfiltered}");
    }
}

#[test]
fn systemd_finds_no_fault_with_the_units() {
    for units in [&[SOCKET, SERVICE][..], &[CONFINED]] {
        let (ok, told) = analyze(&["verify"], units, |service| service);
        assert!(ok && told.is_empty(), "{told}");
        let (ok, told) = analyze(&["verify"], units, |it| {
            it.replace("Type=notify", "Type=twice")
        });
        assert!(!ok || told.contains("twice"), "{told}");
    }
}

/// The program, with nothing of this test's environment.
fn pimento(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pimento"));
    command.args(args).env_clear().env("HOME", "/nonexistent");
    command
}

#[test]
fn man_renders_every_page_without_a_warning_and_each_verb_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let wrote = pimento(&["manual", "--out"]).arg(folder.path()).output();
    assert!(wrote.unwrap().status.success());
    let pages: Vec<PathBuf> = fs::read_dir(folder.path())
        .unwrap()
        .map(|page| page.unwrap().path())
        .collect();
    for verb in [
        "",
        "-open",
        "-run",
        "-service-install",
        "-ca-sign-host",
        "-status",
    ] {
        assert!(
            pages.contains(&folder.path().join(format!("pimento{verb}.1"))),
            "{verb}"
        );
    }
    for page in &pages {
        let (rendered, warned) = man(page);
        assert_eq!(warned, "", "{}", page.display());
        assert!(rendered.contains("SYNOPSIS"), "{}", page.display());
    }
    // A warning would have been seen.
    let page = folder.path().join("broken.1");
    fs::write(&page, ".TH x 1\n.SH NAME\n.nosuchmacro\n").unwrap();
    assert!(man(&page).1.contains("nosuchmacro"));
}

fn man(page: &Path) -> (String, String) {
    let man = Command::new("man")
        .args(["--warnings", "-E", "UTF-8", "-l"])
        .arg(page)
        .env("LC_ALL", "C.UTF-8")
        .env("MANWIDTH", "80")
        .output()
        .unwrap();
    (text(&man.stdout), text(&man.stderr))
}

#[test]
fn each_shell_loads_its_completions_and_completes_a_verb() {
    let folder = tempfile::tempdir().unwrap();
    let write = |shell: &str, name: &str| {
        let script = pimento(&["completions", shell]).output().unwrap().stdout;
        assert!(!script.is_empty());
        fs::write(folder.path().join(name), script).unwrap();
    };
    write("bash", "pimento.bash");
    write("fish", "pimento.fish");
    write("zsh", "_pimento");
    let says = |shell: &str, args: &[&str]| {
        let mut command = Command::new(shell);
        let output = command
            .args(args)
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .output();
        let output = output.unwrap();
        assert!(
            output.stderr.is_empty(),
            "{shell}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    };
    let bash = "source ./pimento.bash; complete -p pimento >/dev/null; COMP_WORDS=(pimento prefl); \
                COMP_CWORD=1; _pimento pimento prefl pimento; echo \"${COMPREPLY[@]}\"";
    assert_eq!(says("bash", &["--norc", "-c", bash]).trim(), "preflight");
    let fish = "source pimento.fish; complete -C 'pimento prefl'";
    assert!(says("fish", &["--no-config", "-c", fish]).starts_with("preflight"));
    let zsh = "fpath=($PWD $fpath); autoload -U compinit; compinit -u -d $PWD/dump; \
               autoload +X _pimento; print $_comps[pimento]";
    assert_eq!(says("zsh", &["-fc", zsh]).trim(), "_pimento");
}
