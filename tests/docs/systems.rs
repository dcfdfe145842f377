//! The emulator, the record, the configuration, fleets, and what of other systems can be run here.

use std::fs;
use std::path::Path;

use pimento::emulator::Scenario;

use crate::reader::Reader;
use crate::support::etc::Etc;
use crate::support::terminal::Terminal;
use crate::walk::Walk;

#[tokio::test(flavor = "multi_thread")]
async fn the_emulator_prints_what_leads_a_configuration_to_it_and_ends_by_ctrl_c() {
    let page = Walk::of("docs/emulator");
    for line in page.lines("start") {
        let reader = Reader::new().await;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let example = fs::read_to_string(root.join("src/emulator/contoso.toml")).unwrap();
        reader.writes("my.toml", &example, 0o600);
        let mut emulator = Terminal::run(&reader.shell(&line));
        let shown = emulator.shows("/counters").replace('\r', "");
        let (danger, counters) = shown.rsplit_once("# Change").unwrap();
        let (_, danger) = danger.split_once("[danger]").unwrap();
        reader.writes(
            ".config/pimento/config.d/cloud.toml",
            &format!("[danger]{danger}"),
            0o600,
        );
        let _agent = reader.starts("pimento agent");
        // Nobody has signed in.
        reader.types(
            "pimento doctor",
            1,
            "ok       authority    contoso: it answers",
        );
        let (_, curl) = counters.split_once("curl ").unwrap();
        reader.types(&format!("curl -fsS {curl}"), 0, "entra.");
        emulator.types("\u{3}");
        emulator.ends();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_the_record_has_the_hash_of_the_line_before() {
    let page = Walk::of("docs/audit");
    let reader = Reader::new().await;
    let _agent = reader.agent();
    reader.ok("pimento open linux-root");
    let record = reader.home.path(".local/state/pimento/audit/audit.jsonl");
    let second = fs::read_to_string(record).unwrap();
    let second: serde_json::Value = serde_json::from_str(second.lines().nth(1).unwrap()).unwrap();
    let hash = reader.ok(&format!(
        "cd .local/state/pimento/audit; n=2\n{}",
        page.block("chain")
    ));
    assert_eq!(
        Some(hash.out.split(' ').next().unwrap()),
        second["prev"].as_str()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_a_configuration_are_taken() {
    let page = Walk::of("docs/configuration");
    let reader = Reader::new().await;
    let takes = |toml: &str| {
        reader.configures(toml);
        let _agent = reader.starts("pimento agent");
        reader.types("pimento keys", 0, "db01-root");
    };
    takes(&page.block("example"));
    fs::create_dir(reader.home.path("team")).unwrap();
    reader.writes("team/pimento.toml", &reader.example(), 0o600);
    takes(&page.block("include"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_commands_begin_the_search_for_what_is_wrong() {
    let page = Walk::of("docs/troubleshooting");
    let reader = Reader::new().await;
    let _agent = reader.agent();
    reader.types(&page.block("first"), 5, "ok       agent");
    more_is_logged(&page, &Reader::new().await);
}

fn more_is_logged(page: &Walk, reader: &Reader) {
    let lines = page.lines("log");
    let script = format!(
        "pimento service install\n{}\n{}\nSSH_AUTH_SOCK=\"$XDG_RUNTIME_DIR/pimento/agent.sock\" ssh-add -l\n\
         tr '\\0' '\\n' < /proc/$(systemctl --user show -P MainPID pimento.service)/environ\n{}\n\
         systemctl --user show-environment | grep -c PIMENTO_LOG || true",
        lines[0], lines[1], lines[3]
    );
    let Some(ran) = reader.managed(&script) else {
        return;
    };
    assert!(ran.out.contains("\nPIMENTO_LOG=pimento=debug\n"), "{ran:?}");
    assert!(ran.out.ends_with("\n0\n"), "{ran:?}");
}

/// What an administrator brings out: users need no configuration of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_managed_configuration_is_brought_out_and_is_enough() {
    let page = Walk::of("docs/fleet");
    let reader = Reader::unconfigured(Scenario::example().unwrap()).await;
    reader.writes("managed.toml", &reader.own(&page.block("managed")), 0o600);
    let tasks = page.block("ansible").replace('\n', "\n    ");
    let variable = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd/60-pimento.conf");
    let tasks = tasks.replace(
        "/usr/share/pimento/60-pimento.conf",
        variable.to_str().unwrap(),
    );
    let play = format!("- hosts: localhost\n  gather_facts: false\n  tasks:\n    {tasks}");
    reader.writes("site.yml", &play, 0o600);
    let Some(etc) = Etc::new("root's", "") else {
        page.stops("only root can have an /etc of its own");
        return;
    };
    for folder in ["pimento", "environment.d"] {
        let _none = fs::remove_dir_all(etc.path("etc").join(folder));
    }
    let mut ansible = etc.root_command("ansible-playbook");
    let play = reader.home.path("site.yml");
    let ran = ansible
        .arg(play)
        .env("HOME", reader.home.folder.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert!(etc.path("etc/environment.d/60-pimento.conf").exists());
    let reader = reader.in_etc(etc);
    let _agent = reader.agent();
    reader.types("pimento keys", 0, "web");
    reader.types(&page.block("doctor"), 5, "0\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_ssh_and_a_relay_are_set_up_in_wsl() {
    let page = Walk::of("docs/wsl");
    let reader = Reader::new().await;
    let ran = reader.ok(&format!(
        "{}alias ssh; git config core.sshCommand",
        page.block("windows-ssh")
    ));
    assert_eq!(ran.out, "alias ssh='ssh.exe'\nssh.exe\n");
    // On this machine, what relays to the pipe relays to the agent's socket.
    let unit = page.block("relay-unit");
    let (begins, ends) = ("/mnt/c/Tools/npiperelay.exe", "-agent\"");
    let (before, rest) = unit.split_once(begins).unwrap();
    let (_, after) = rest.split_once(ends).unwrap();
    let unit =
        format!("{before}/usr/bin/socat STDIO UNIX-CONNECT\\:%t/pimento/agent.sock\"{after}");
    fs::create_dir_all(reader.home.path(".config/systemd/user")).unwrap();
    reader.writes(".config/systemd/user/pimento-windows.service", &unit, 0o600);
    let _agent = reader.starts("pimento agent");
    // A person is slower than socat.
    let socket = "until [ -S \"$XDG_RUNTIME_DIR/pimento-windows.sock\" ]; do systemctl --user is-active -q pimento-windows; done";
    let [start, rest @ ..] = &page.lines("relay")[..] else {
        panic!("nothing is started");
    };
    let script = format!("{start}\n{socket}\n{}", rest.join("\n"));
    if let Some(ran) = reader.managed(&script) {
        assert!(ran.out.contains("web (ED25519)"), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_signed_and_verified_and_a_changed_file_is_found() {
    let page = Walk::of("docs/releasing");
    let reader = Reader::new().await;
    let folder = "target/release-VERSION";
    let release = format!(
        "mkdir -p {folder}; echo one > {folder}/pimento.deb; (cd {folder}; sha256sum pimento.deb > SHA256SUMS)\n\
         ssh-keygen -q -t ed25519 -N '' -f release\n{}\n\
         echo \"releases@contoso.com $(cat release.pub)\" > {folder}/allowed_signers",
        page.block("sign")
    );
    reader.ok(&release);
    let (verify, signature) = (page.block("verify"), page.block("signature"));
    reader.ok(&format!("cd {folder}\n{verify}{signature}"));
    let changed = |change: &str, check: &str| {
        let script = format!("cd {folder}; {change} {check}");
        reader.shell(&script).output().unwrap().status.success()
    };
    assert!(!changed("echo two > pimento.deb;", &verify));
    assert!(!changed("sha256sum pimento.deb > SHA256SUMS;", &signature));
}
