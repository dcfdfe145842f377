//! What the scripts of a release refuse: tiny programs, lists and folders that are as recorded, and such as are not.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::{Value, json};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Runs one of the scripts: whether it agreed, and everything it said.
fn script(name: &str, arguments: &[&Path]) -> (bool, String) {
    let output = Command::new(Path::new(HERE).join("packaging").join(name))
        .args(arguments)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// A folder with a program `tiny`, and what is recorded of it.
struct Tiny {
    folder: tempfile::TempDir,
}

impl Tiny {
    /// As it should be, but for these options of the compiler.
    fn with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("tiny.c"), TINY).unwrap();
        fs::create_dir(folder.path().join("programs")).unwrap();
        let output = Command::new("cc")
            .args("-O2 -w -fPIE -pie -s -fstack-protector-all -D_FORTIFY_SOURCE=2 -Wl,-z,relro,-z,now".split(' '))
            .args(options)
            .arg("-o")
            .args(["programs/tiny", "tiny.c"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let this = Self { folder };
        this.recorded("", "");
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Records what it is, with one line in place of another.
    fn recorded(&self, line: &str, instead: &str) {
        let text = RECORDED.replace(line, instead);
        fs::write(self.path("expectations.toml"), text).unwrap();
    }

    fn inspected(&self) -> (bool, String) {
        let (record, programs) = (self.path("expectations.toml"), self.path("programs"));
        script("inspect", &[&record, &programs])
    }

    #[track_caller]
    fn refused(&self, why: &str) {
        let (agreed, said) = self.inspected();
        assert!(!agreed && said.contains(why), "{why} is not in: {said}");
    }
}

const TINY: &str = r#"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef WRITABLE_CODE
__asm__(".section .both,\"awx\"\n.byte 0\n.text");
#endif
int main(int argc, char **argv) {
    char name[16];
    strcpy(name, argv[0] + strlen(argv[0]) - 4);
    open("/etc/hostname", O_RDONLY);
    if (argc > 1) open(argv[1], O_RDONLY);
    if (argc > 2) execv("/bin/true", argv);
    return puts(name) < 0;
}
"#;

const RECORDED: &str = r#"
[bytes]
tiny = 100_000
[programs.tiny]
hardening = ["pie", "relro", "bind-now", "nx", "no-writable-code", "no-rpath", "stripped", "stack-canary", "fortify"]
libraries = ["libc.so.6"]
glibc = "2.99"
[[starts]]
run = ["tiny"]
files = ["/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/hostname", "lib/*"]
"#;

#[test]
fn a_program_that_is_as_recorded_passes() {
    let (agreed, said) = Tiny::with(&[]).inspected();
    assert!(agreed, "{said}");
    assert!(said.contains("tiny: pie: yes"), "{said}");
}

#[test]
fn each_lack_of_hardening_is_named() {
    let lacks: &[(&str, &[&str])] = &[
        ("pie", &["-no-pie"]),
        ("relro", &["-Wl,-z,norelro"]),
        ("bind-now", &["-Wl,-z,lazy"]),
        ("nx", &["-Wl,-z,execstack"]),
        ("no-writable-code", &["-DWRITABLE_CODE"]),
        ("no-rpath", &["-Wl,-rpath,/tmp"]),
        ("no-rpath", &["-Wl,--disable-new-dtags,-rpath,/tmp"]),
        ("stripped", &["-Wl,--strip-debug"]),
        ("stack-canary", &["-fno-stack-protector"]),
        ("fortify", &["-U_FORTIFY_SOURCE"]),
    ];
    for (name, options) in lacks {
        Tiny::with(options).refused(&format!("error: tiny: {name} is missing"));
    }
}

#[test]
fn what_is_larger_or_needs_more_than_recorded_is_refused() {
    let tiny = Tiny::with(&[]);
    tiny.recorded("100_000", "1_000");
    tiny.refused("error: tiny: too large by");
    tiny.recorded("2.99", "2.0");
    tiny.refused("error: tiny: asks for glibc 2.");
    tiny.recorded("[bytes]", "[bytes]\n\"tiny_*.deb\" = 1");
    tiny.refused("error: tiny_*.deb: there is none in");
    let tiny = Tiny::with(&["-Wl,--no-as-needed", "-lm"]);
    tiny.refused("error: tiny: needs libm.so.6, which is not recorded");
}

#[test]
fn a_file_that_is_opened_at_start_and_not_recorded_is_named() {
    let tiny = Tiny::with(&[]);
    tiny.recorded("\"/etc/hostname\", ", "");
    tiny.refused("error: tiny: opens /etc/hostname, which is not recorded");
    // One that is not there may be put there by others.
    tiny.recorded("[\"tiny\"]", "[\"tiny\", \"/nowhere/plugin.so\"]");
    tiny.refused("opens /nowhere/plugin.so, which is not recorded");
    tiny.recorded("[\"tiny\"]", "[\"tiny\", \"/etc/hostname\", \"more\"]");
    tiny.refused("opens /bin/true, which is not recorded");
}

/// Size and hardening are the release's; what is opened, the tests' build can tell.
#[test]
fn the_agent_opens_at_its_start_what_is_recorded_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let packages = Path::new(HERE).join("packaging/expectations/packages.toml");
    let recorded = fs::read_to_string(packages).unwrap();
    let starts = &recorded[recorded.find("[[starts]]").unwrap()..];
    // The helper is static in packages only.
    let own = "\"/proc/PID/cmdline\",";
    let shared = format!("{own} \"/etc/ld.so.cache\", \"lib/*\",");
    assert!(starts.contains(own));
    let record = folder.path().join("expectations.toml");
    let built = Path::new(env!("CARGO_BIN_EXE_pimento")).parent().unwrap();
    fs::write(
        &record,
        format!("[bytes]\n{}", starts.replace(own, &shared)),
    )
    .unwrap();
    let (agreed, said) = script("inspect", &[&record, built]);
    assert!(agreed, "{said}");
    fs::write(
        &record,
        format!(
            "[bytes]\n{}",
            starts.replace("\"/etc/pimento/managed.toml\",", "")
        ),
    )
    .unwrap();
    let (agreed, said) = script("inspect", &[&record, built]);
    assert!(!agreed);
    assert!(
        said.contains("error: pimento agent: opens /etc/pimento/managed.toml"),
        "{said}"
    );
}

#[test]
fn checksums_tell_what_was_changed_taken_away_or_put_beside() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let verb = |verb: &str| script("checksums", &[Path::new(verb), folder.path()]);
    assert!(!verb("make").0, "an empty folder was released");
    fs::create_dir(file("manifests")).unwrap();
    for name in ["pimento.deb", "manifests/two words.yaml"] {
        fs::write(file(name), name).unwrap();
    }
    assert!(verb("make").0);
    assert!(verb("check").0);
    let own = Command::new("sha256sum")
        .args(["--check", "--quiet", "SHA256SUMS"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(own.success());
    // As `ssh-keygen -Y sign` leaves it (docs/releasing.md).
    fs::write(file("SHA256SUMS.sig"), "signature").unwrap();
    assert!(verb("check").0);

    fs::write(file("pimento.deb"), "another").unwrap();
    let (agreed, said) = verb("check");
    assert!(!agreed && said.contains("pimento.deb: FAILED"), "{said}");
    fs::write(file("pimento.deb"), "pimento.deb").unwrap();
    fs::write(file("pimento.rpm"), "beside").unwrap();
    let (agreed, said) = verb("check");
    assert!(
        !agreed && said.contains("nobody vouches for it: pimento.rpm"),
        "{said}"
    );
    fs::remove_file(file("pimento.rpm")).unwrap();
    std::os::unix::fs::symlink("pimento.deb", file("link.deb")).unwrap();
    let (agreed, said) = verb("check");
    assert!(
        !agreed && said.contains("vouches for it: link.deb"),
        "{said}"
    );
    fs::remove_file(file("link.deb")).unwrap();
    fs::remove_file(file("manifests/two words.yaml")).unwrap();
    assert!(!verb("check").0);
}

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn component(purl: &str) -> Value {
    let (name, version) = purl.rsplit_once('/').unwrap().1.split_once('@').unwrap();
    json!({ "name": name, "version": version, "purl": purl, "licenses": [{ "expression": "MIT" }] })
}

/// A bill of what Cargo says is linked.
fn bill() -> Value {
    static BILL: LazyLock<Value> = LazyLock::new(linked);
    BILL.clone()
}

fn linked() -> Value {
    let output = Command::new(env!("CARGO"))
        .args("tree --locked --edges normal,no-proc-macro --prefix none".split(' '))
        .args(["--target", TARGET])
        .args("--no-default-features --features clipboard".split(' '))
        .current_dir(HERE)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let purl = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?);
        Some(format!(
            "pkg:cargo/{name}@{}",
            version.trim_start_matches('v')
        ))
    };
    let crates: std::collections::BTreeSet<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(purl)
        .collect();
    let libraries = ["aws-lc@1.0", "libdbus@1.0", "rust-std@1.0"];
    let libraries = libraries.map(|it| format!("pkg:generic/{it}"));
    let own = |it: &&String| it.starts_with("pkg:cargo/pimento@");
    let others = crates.iter().filter(|it| !own(it)).chain(&libraries);
    let components: Vec<_> = others.map(|it| component(it)).collect();
    json!({
        "metadata": { "component": component(crates.iter().find(own).unwrap()) },
        "components": components,
    })
}

/// What the check says of a bill after a change.
fn checked(change: impl FnOnce(&mut Vec<Value>)) -> (bool, String) {
    let mut bill = bill();
    change(bill["components"].as_array_mut().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bill.json");
    fs::write(&file, bill.to_string()).unwrap();
    script("sbom", &[Path::new("check"), Path::new(TARGET), &file])
}

#[test]
fn a_bill_of_materials_names_what_is_linked_and_nothing_else() {
    let (agreed, said) = checked(|_| ());
    assert!(agreed, "{said}");
    let (agreed, said) = checked(|it| it.retain(|it| it["name"] != "aws-lc-rs"));
    assert!(!agreed && said.contains("pkg:cargo/aws-lc-rs@"), "{said}");
    assert!(said.contains("is linked and not named"), "{said}");
    let (agreed, said) = checked(|it| it.push(component("pkg:cargo/proptest@1.0.0")));
    assert!(!agreed, "{said}");
    assert!(
        said.contains("pkg:cargo/proptest@1.0.0 is named and not linked"),
        "{said}"
    );
    let (agreed, said) = checked(|it| it[0]["version"] = json!("0.0.1"));
    assert!(!agreed && said.contains("is called"), "{said}");
    let (agreed, said) = checked(|it| it.retain(|it| it["name"] != "libdbus"));
    assert!(
        !agreed && said.contains("libdbus is linked and not named"),
        "{said}"
    );
}

/// What is written of the licences of these components.
fn licences(components: &[Value]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("bill.json"), folder.path().join("out"));
    fs::write(&file, json!({ "components": components }).to_string()).unwrap();
    let (agreed, said) = script("licences", &[&file, &out]);
    let written = fs::read_to_string(out.join("THIRD-PARTY.txt")).unwrap_or_default();
    (agreed, said + &written)
}

#[test]
fn what_is_linked_is_named_with_its_notice_word_for_word_and_c_code_too() {
    let all = bill();
    let (agreed, written) = licences(all["components"].as_array().unwrap());
    assert!(agreed, "{written}");
    for notice in [
        "Copyright (c) Microsoft Corporation.",
        "The Academic Free License",
        "Copyright Amazon.com, Inc. or its affiliates. All Rights Reserved.",
        "UNICODE LICENSE V3",
    ] {
        assert!(written.contains(notice), "{notice}");
    }
}

/// A cargo that has nothing of a registry until it is told to fetch, and writes down the compiler's options.
const CARGO: &str = r#"#!/bin/bash
case $1 in
fetch) mkdir -p "$CARGO_HOME/registry/src/mirror-0123456789abcdef" ;;
build)
    echo "$RUSTFLAGS" >> "$CARGO_HOME/options"
    while [[ $1 != --target-dir ]]; do shift; done
    built=$2/$4/release
    mkdir -p "$built"
    touch "$built/pimento" "$built/pimento-askpass"
    ;;
esac
"#;

#[test]
fn the_first_build_of_a_machine_names_no_folder_of_it_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("tools")).unwrap();
    fs::write(path("tools/cargo"), CARGO).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(path("tools/cargo"), executable).unwrap();
    let tools = format!(
        "{}:{}",
        path("tools").display(),
        std::env::var("PATH").unwrap()
    );
    let built = Command::new(Path::new(HERE).join("packaging/build"))
        .arg(path("programs"))
        .env("PATH", tools)
        .env("CARGO_HOME", path("fresh"))
        .env("CARGO_TARGET_DIR", path("target"))
        .env("PIMENTO_TARGET", "x86_64-unknown-linux-gnu")
        .output()
        .unwrap();
    assert!(built.status.success(), "{built:?}");
    let options = fs::read_to_string(path("fresh/options")).unwrap();
    let mapped = format!(
        "--remap-path-prefix={}/registry/src/mirror-0123456789abcdef=/crates",
        path("fresh").display()
    );
    assert_eq!(options.lines().count(), 2);
    assert!(
        options.lines().all(|line| line.contains(&mapped)),
        "{options}"
    );
}

#[test]
fn what_brings_no_licence_is_named_and_nothing_is_written() {
    for purl in ["pkg:cargo/bytes@0.0.1", "pkg:cargo/no-such-crate@1.0.0"] {
        let (agreed, said) = licences(&[component(purl)]);
        let name = purl.rsplit_once('/').unwrap().1.replace('@', " ");
        assert!(!agreed, "{said}");
        assert!(
            said.contains(&format!("error: {name} brings no text")),
            "{said}"
        );
    }
}
