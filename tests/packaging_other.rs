//! What packages for macOS and Windows are made of: read as their systems read it, as far as that goes here.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

#[path = "support/python.rs"]
mod environment;
#[path = "support/page.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "it has more for the documentation's own tests"
)]
mod page;

fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(packaging(name)).unwrap()
}

/// What a program of Python's makes of a file.
fn python(program: &str, file: &Path) -> Option<Value> {
    let output = Command::new("python3")
        .args(["-c", program])
        .arg(file)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("ModuleNotFoundError") {
        environment::skip::skipped(&complaint);
        return None;
    }
    assert!(output.status.success(), "{}: {complaint}", file.display());
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_job_of_launchd_has_what_its_manual_asks_for() {
    let program =
        "import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], 'rb'))))";
    let job = python(program, &packaging("macos/pimento.agent.plist")).unwrap();
    // The names that launch_activate_socket(3) is asked for, and the paths that clients connect to.
    let socket = |name: &str| json!({ "SockPathName": format!("@RUNTIME@/{name}.sock"), "SockPathMode": 0o600 });
    let expected = json!({
        "Label": "pimento.agent",
        "ProgramArguments": ["@PROGRAM@", "agent"],
        "Sockets": { "agent": socket("agent"), "control": socket("control") },
        "KeepAlive": { "SuccessfulExit": false },
        "ProcessType": "Interactive",
        "Umask": 0o077,
        "HardResourceLimits": { "Core": 0 },
    });
    assert_eq!(job, expected);
}

#[cfg(unix)]
#[test]
fn the_sockets_of_the_job_are_where_the_program_looks() {
    use pimento::config::{Overrides, Paths};
    let runtime = "/Users/ann/.local/state/pimento/run";
    let overrides = Overrides {
        runtime: Some(runtime.into()),
        ..Overrides::default()
    };
    let home = |name: &str| (name == "HOME").then(|| "/Users/ann".into());
    let paths = Paths::from_variables(home, overrides).unwrap();
    let job = read("macos/pimento.agent.plist").replace("@RUNTIME@", runtime);
    for socket in [paths.agent_socket(), paths.control_socket()] {
        assert!(
            job.contains(&format!("<string>{}</string>", socket.display())),
            "{job}"
        );
    }
}

#[test]
fn the_formula_builds_what_packages_have_and_says_what_it_needs() {
    let formula = read("homebrew/pimento.rb");
    for needed in [
        "class Pimento < Formula",
        r#"depends_on "rust" => :build"#,
        r#""--no-default-features", "--features", "clipboard""#,
        r#"license any_of: ["MIT", "Apache-2.0"]"#,
        r#"run [opt_bin/"pimento", "agent"]"#,
        r#"generate_completions_from_executable(bin/"pimento", "completions")"#,
        r#""manual", "--out""#,
    ] {
        assert!(formula.contains(needed), "{needed} is not in the formula");
    }
    // A log that Homebrew makes could be read by others.
    assert!(!formula.contains("log_path"));
}

#[test]
fn the_logon_task_is_its_users_alone_and_never_ends_by_itself() {
    let program = r#"
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
found = {}
def walk(element, path):
    for child in element:
        assert child.tag.startswith(space), child.tag
        walk(child, path + "/" + child.tag[len(space):])
    if len(element) == 0:
        found[path] = (element.text or "").strip()
assert root.tag == space + "Task", root.tag
walk(root, "")
print(json.dumps(found))
"#;
    let task = python(program, &packaging("windows/pimento.xml")).unwrap();
    for (path, value) in [
        ("/Triggers/LogonTrigger/UserId", "@USER@"),
        ("/Principals/Principal/UserId", "@USER@"),
        ("/Principals/Principal/LogonType", "InteractiveToken"),
        ("/Principals/Principal/RunLevel", "LeastPrivilege"),
        ("/Settings/MultipleInstancesPolicy", "IgnoreNew"),
        ("/Settings/ExecutionTimeLimit", "PT0S"),
        ("/Settings/DisallowStartIfOnBatteries", "false"),
        ("/Settings/StopIfGoingOnBatteries", "false"),
        ("/Actions/Exec/Arguments", "--headless \"@PROGRAM@\" agent"),
    ] {
        assert_eq!(task[path], value, "{path}");
    }
    // A stored password would be one that others can use.
    assert!(!read("windows/pimento.xml").contains("Password</LogonType>"));
}

#[test]
fn the_script_for_windows_registers_that_task_and_changes_nothing_else() {
    let script = read("windows/install.ps1");
    for placeholder in ["@USER@", "@PROGRAM@"] {
        assert!(
            script.contains(&format!("Replace('{placeholder}'")),
            "{placeholder}"
        );
        assert!(read("windows/pimento.xml").contains(placeholder));
    }
    assert!(script.contains("$ErrorActionPreference = 'Stop'"));
    for never in [
        "RunAs",
        "Set-ExecutionPolicy",
        "Invoke-WebRequest",
        "Stop-Service",
    ] {
        assert!(!script.contains(never), "{never}");
    }
}

/// What of `text` a grammar that editors use does not know. Neither PowerShell nor Ruby is to be had for every
/// machine, and this is what can be said without them.
fn unknown(language: &str, text: &str) -> Option<String> {
    let program = r#"
import importlib, sys
from tree_sitter import Language, Parser
def odd(node):
    if node.is_error or node.is_missing:
        yield f"line {node.start_point.row + 1}: {node.text.decode()!r}"
    else:
        for child in node.children:
            yield from odd(child)
grammar = importlib.import_module("tree_sitter_" + sys.argv[1])
tree = Parser(Language(grammar.language())).parse(sys.stdin.buffer.read())
print(*odd(tree.root_node), sep="\n", end="")
"#;
    let mut python = Command::new(environment::python()?)
        .args(["-c", program, language])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = python.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn is_known(language: &str, text: &str) {
    if let Some(odd) = unknown(language, text) {
        assert_eq!(odd, "", "{language}, of:\n{text}");
    }
}

#[test]
fn what_is_written_for_powershell_is_powershell() {
    let pimento = Command::new(env!("CARGO_BIN_EXE_pimento"))
        .args(["completions", "powershell"])
        .output()
        .unwrap();
    let completions = String::from_utf8(pimento.stdout).unwrap();
    assert!(completions.contains("Register-ArgumentCompleter"));
    // A method takes a block without parentheses too, which the grammar does not know.
    let (block, end) = (
        ".Where{ $_.CompletionText -like \"$wordToComplete*\" }",
        ".Where({ $_ })",
    );
    assert_eq!(completions.matches(block).count(), 1);
    is_known("powershell", &completions.replace(block, end));
    is_known("powershell", &read("windows/install.ps1"));
    for (name, block) in [
        ("docs/azure-setup", "eligible"),
        ("docs/windows", "install"),
    ] {
        is_known("powershell", &page::Page::at(name).block(block, &[]));
    }
}

#[test]
fn the_formula_is_ruby() {
    is_known("ruby", &read("homebrew/pimento.rb"));
}

#[test]
fn a_brace_or_an_end_that_is_missing_would_be_seen() {
    let script = read("windows/install.ps1").replace("} finally {", "finally {");
    let formula = read("homebrew/pimento.rb").replacen("\n  end\n", "\n", 1);
    for (language, text) in [("powershell", script), ("ruby", formula)] {
        assert_ne!(unknown(language, &text).as_deref(), Some(""), "{language}");
    }
}

/// The formula and the manifests as `packaging/release` fills them in.
fn released() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(file("source"), "the source").unwrap();
    fs::write(file("zip"), "the zip").unwrap();
    let output = Command::new(packaging("release"))
        .args([
            "1.2.3",
            "https://pimento.example",
            "https://pimento.example/source.tar.gz",
        ])
        .args([
            file("source"),
            "https://pimento.example/windows.zip".to_owned(),
        ])
        .args([file("zip"), file("out")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    folder
}

#[test]
fn a_release_leaves_nothing_to_be_filled_in() {
    let folder = released();
    let files: Vec<_> = fs::read_dir(folder.path().join("out")).unwrap().collect();
    assert_eq!(files.len(), 4);
    for file in files {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let left = text.split('@').skip(1).step_by(2).find(|word| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|it| it.is_ascii_uppercase() || it == '_' || it.is_ascii_digit())
        });
        assert_eq!(left, None, "{text}");
    }
    let formula = fs::read_to_string(folder.path().join("out/pimento.rb")).unwrap();
    // sha256 of "the source".
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"the source");
    let hash: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert!(formula.contains(&format!("sha256 \"{hash}\"")), "{formula}");
}

#[test]
fn the_manifests_of_winget_have_what_its_schemas_ask_for() {
    let folder = released();
    let program =
        "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1])), default=str))";
    let manifest = |part: &str| {
        let file = folder
            .path()
            .join(format!("out/Pimento.Pimento{part}.yaml"));
        python(program, &file)
    };
    let (Some(version), Some(installer), Some(locale)) = (
        manifest(""),
        manifest(".installer"),
        manifest(".locale.en-US"),
    ) else {
        return;
    };
    let kinds = [
        (&version, "version"),
        (&installer, "installer"),
        (&locale, "defaultLocale"),
    ];
    for (manifest, kind) in kinds {
        assert_eq!(manifest["PackageIdentifier"], "Pimento.Pimento");
        assert_eq!(manifest["PackageVersion"], "1.2.3");
        assert_eq!(manifest["ManifestType"], kind);
        assert_eq!(manifest["ManifestVersion"], "1.10.0");
    }
    assert_eq!(version["DefaultLocale"], locale["PackageLocale"]);
    for field in ["Publisher", "PackageName", "License", "ShortDescription"] {
        assert!(
            locale[field]
                .as_str()
                .is_some_and(|it| (2..=256).contains(&it.len())),
            "{field}"
        );
    }
    assert_eq!(installer["InstallerType"], "zip");
    assert_eq!(installer["NestedInstallerType"], "portable");
    assert_eq!(installer["Scope"], "user");
    let only = installer.pointer("/Installers/0").unwrap();
    assert_eq!(only["Architecture"], "x64");
    assert_eq!(only["InstallerUrl"], "https://pimento.example/windows.zip");
    let hash = only["InstallerSha256"].as_str().unwrap();
    let plain = |it: char| it.is_ascii_digit() || ('A'..='F').contains(&it);
    assert!(hash.len() == 64 && hash.chars().all(plain), "{hash}");
}
