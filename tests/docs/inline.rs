//! Commands between backticks: each that a page has is in this table, and is run, or left out with its
//! reason.

use std::collections::BTreeSet;
use std::path::Path;

use crate::book::texts;
use crate::page::spans;
use crate::reader::Reader;
use crate::register::Why;
use Typed::{Block, Desk, Lacks, Left, Sudo, Systemd};

/// What becomes of a command.
#[derive(Debug)]
pub(crate) enum Typed {
    /// It is typed so, ends with this code, and says this.
    Desk(&'static str, i32, &'static str),
    /// The same, by a user who has sudo (`passwords.rs`).
    Sudo(&'static str, i32, &'static str),
    /// It is typed so beside a systemd, where it succeeds and says this.
    Systemd(&'static str, &'static str),
    /// It names a verb or an option, and is no whole command: as it stands, it is refused.
    Lacks,
    /// A block of that page is run that has it so.
    Block(&'static str, &'static str),
    /// It is not run.
    Left(Why),
}

/// The programs whose commands are looked for.
const PROGRAMS: [&str; 34] = [
    "$env:SSH_AUTH_SOCK",
    "Stop-Service",
    "apt",
    "apt-get",
    "az",
    "brew",
    "cargo",
    "chmod",
    "curl",
    "docker",
    "export",
    "git",
    "journalctl",
    "just",
    "kubectl",
    "man",
    "nc",
    "openssl",
    "pimento",
    "rclone",
    "restic",
    "socat",
    "ssh",
    "ssh-add",
    "ssh-agent",
    "ssh-keygen",
    "sshd",
    "su",
    "sudo",
    "systemctl",
    "terraform",
    "whoami",
    "whoami.exe",
    "wsl.exe",
];

/// Every command of the pages, in the order in which those that are run can be run.
#[rustfmt::skip]
pub(crate) const INLINE: [(&str, Typed); 151] = [
    // Before anything is open.
    ("pimento login", Desk("pimento login", 0, "signed in to contoso as mia@")),
    ("ssh-keygen -R HOST", Desk("cp .ssh/known_hosts hosts; ssh-keygen -R web1.contoso.com -f hosts", 0, "found: line 1")),
    ("ssh -J BASTION HOST", Desk("ssh -G -J bastion.test inner.test", 0, "proxyjump bastion.test")),
    ("pimento login NAME", Desk("pimento login contoso", 0, "signed in to contoso as mia@")),
    ("pimento login TENANT", Desk("pimento login contoso", 0, "signed in to contoso as mia@")),
    ("pimento login TENANT --browser", Desk("pimento login contoso --browser", 0, "signed in to contoso as mia@")),
    ("pimento agent", Desk("pimento agent", 1, "another agent is already listening")),
    ("pimento keys", Desk("pimento keys", 0, "db01-root")),
    ("pimento status", Desk("pimento status", 0, "linux-root  closed")),
    ("pimento status --watch", Desk("coproc W { exec pimento status --watch; }; read -r line <&${W[0]}; echo \"$line\"", 0, "Windows")),
    ("pimento check USER@HOST", Desk("pimento check root@web1.contoso.com", 0, "web")),
    ("pimento open WINDOW --dry-run", Desk("pimento open linux-root --dry-run", 0, "reason")),
    ("pimento approvals", Desk("pimento approvals", 0, "")),
    ("pimento approvals approve ID --reason \"…\"", Desk("pimento approvals approve 5f1d3b3c-0000-4000-8000-000000000000 --reason no", 4, "")),
    ("ssh-add -l", Desk("ssh-add -l", 0, "web (ED25519)")),
    ("pimento ssh-config", Desk("pimento ssh-config", 0, "web*.contoso.com")),
    ("pimento ssh-config --write-keys", Desk("pimento ssh-config --write-keys", 0, "IdentityFile")),
    ("pimento --version", Desk("pimento --version", 0, "pimento ")),
    ("pimento VERB --help", Desk("pimento open --help", 0, "--dry-run")),
    // What opens the window, and needs it open.
    ("pimento open WINDOW", Desk("pimento open linux-root", 0, "")),
    ("pimento open WINDOW --reason \"…\"", Desk("pimento open linux-root --reason \"a look\"", 0, "")),
    ("pimento open WINDOW --extend", Desk("pimento open linux-root --extend", 6, "in five minutes")),
    ("pimento doctor", Desk("pimento doctor", 5, "linux-root")),
    ("pimento doctor --keys", Desk("pimento doctor --keys", 5, "material")),
    ("pimento doctor --json", Desk("pimento doctor --json", 5, "\"worst\"")),
    ("pimento sync", Desk("pimento sync", 0, "")),
    ("pimento sync WINDOW", Desk("pimento sync linux-root", 0, "")),
    ("pimento sync linux-root", Desk("pimento sync linux-root", 0, "")),
    ("pimento password NAME", Desk("pimento password db01-root", 0, "pw-")),
    ("pimento password NAME --previous", Desk("pimento password db01-root --previous", 1, "no earlier version")),
    ("pimento password --for USER@HOST", Desk("pimento password --for root@db01.contoso.com", 0, "pw-")),
    ("pimento run -- CMD", Desk("pimento run -- echo done", 0, "done")),
    ("pimento run --file ID=NAME -- CMD", Desk("pimento run --file ID=db01-root -- cat {ID}", 0, "")),
    ("pimento status --stale", Desk("pimento status --stale", 0, "nothing expires soon")),
    ("pimento why", Desk("pimento why", 0, "")),
    ("pimento audit tail", Desk("pimento audit tail", 0, "db01-root")),
    ("pimento audit verify", Desk("pimento audit verify", 0, "")),
    ("pimento audit verify [FILE …]", Desk("pimento audit verify .local/state/pimento/audit/audit.jsonl", 0, "")),
    ("pimento audit export", Desk("pimento audit export", 0, "\"kind\"")),
    ("ssh -O exit USER@HOST", Desk("ssh -o ControlMaster=yes -o ControlPath=master -fN root@web1.contoso.com 2> /dev/null; ssh -o ControlPath=master -O exit root@web1.contoso.com", 0, "Exit request sent")),
    ("pimento close WINDOW", Desk("pimento close linux-root", 5, "")),
    ("pimento close --all", Desk("pimento close --all", 0, "")),
    ("pimento lock", Desk("pimento lock; pimento lock --off", 0, "")),
    ("pimento lock --off", Desk("pimento lock; pimento lock --off", 0, "")),
    ("ssh-add -X", Desk("export SSH_ASKPASS=$HOME/bin/pass SSH_ASKPASS_REQUIRE=force; printf '#!/bin/sh\\necho pass\\n' > bin/pass; chmod 700 bin/pass; ssh-add -x; ssh-add -X", 0, "unlocked")),
    ("pimento logout", Desk("pimento logout", 0, "")),
    // Besides pimento's own agent.
    ("pimento ssh-agent -D -a SOCKET", Desk("pimento ssh-agent -D -a sock & export SSH_AUTH_SOCK=sock; until ssh-add -l || [ $? = 1 ]; do kill -0 $!; done; ssh-add -l", 1, "no identities")),
    ("ssh-agent -D -a SOCKET", Desk("ssh-agent -D -a other & export SSH_AUTH_SOCK=other; until ssh-add -l || [ $? = 1 ]; do kill -0 $!; done; ssh-add -l", 1, "no identities")),
    ("ssh-keygen -p -f KEYFILE", Desk("ssh-keygen -q -m PEM -N before -f pem; ssh-keygen -p -f pem -P before -N ''", 0, "new passphrase")),
    ("curl -fsS URL | sha256sum", Desk("curl -fsS \"file://$HOME/ca.pem\" | sha256sum", 0, "-")),
    ("git config --global core.sshCommand C:/Windows/System32/OpenSSH/ssh.exe", Desk("git config --global core.sshCommand C:/Windows/System32/OpenSSH/ssh.exe; git config core.sshCommand", 0, "OpenSSH/ssh.exe")),
    // A user who has sudo.
    ("pimento sudo HOST -- COMMAND", Sudo("pimento sudo db02.contoso.com -- id -u", 0, "0")),
    ("sudo -K", Sudo("sudo -K", 0, "")),
    // A systemd.
    ("systemctl --user set-environment", Systemd("systemctl --user set-environment HTTPS_PROXY=http://proxy:1; systemctl --user show-environment", "HTTPS_PROXY=http://proxy:1")),
    ("systemctl --user import-environment DISPLAY WAYLAND_DISPLAY XAUTHORITY", Systemd("export DISPLAY=:77 WAYLAND_DISPLAY=w XAUTHORITY=x; systemctl --user import-environment DISPLAY WAYLAND_DISPLAY XAUTHORITY; systemctl --user show-environment", "DISPLAY=:77")),
    ("systemctl --user mask gcr-ssh-agent.socket", Systemd("systemctl --user mask gcr-ssh-agent.socket; systemctl --user is-enabled gcr-ssh-agent.socket || true", "masked")),
    ("pimento service install", Systemd("pimento service install", "enabled and started pimento.socket")),
    ("pimento service install --ssh-auth-sock", Systemd("pimento service install --ssh-auth-sock", "60-pimento.conf")),
    ("systemctl --user start pimento.socket", Systemd("systemctl --user stop pimento.socket; systemctl --user start pimento.socket; ssh-add -l", "web (ED25519)")),
    ("systemctl --user status pimento.socket", Systemd("systemctl --user status pimento.socket", "active (running)")),
    ("systemctl --user status pimento.service", Systemd("systemctl --user status pimento.service", "active (running)")),
    ("systemctl --user restart pimento.service", Systemd("systemctl --user restart pimento.service; ssh-add -l", "web (ED25519)")),
    ("journalctl --user -u pimento", Systemd("journalctl --user -u pimento", "")),
    ("systemctl --user stop pimento.service", Systemd("systemctl --user stop pimento.service; systemctl --user is-active pimento.service || true", "inactive")),
    ("systemctl --user reset-failed pimento.socket pimento.service", Systemd("systemctl --user reset-failed pimento.socket pimento.service", "")),
    ("pimento service status", Systemd("pimento service status", "socket    active, enabled")),
    ("pimento service uninstall", Systemd("pimento service uninstall", "removed")),
    // No whole commands.
    ("docker login", Left(Why::Recipe)),
    ("docker logout", Left(Why::Recipe)),
    ("rclone config", Left(Why::Recipe)),
    ("git clone", Lacks),
    ("chmod 700", Lacks),
    ("nc -U", Lacks),
    ("pimento approvals approve", Lacks),
    ("pimento ca sign-host", Lacks),
    ("pimento close", Lacks),
    ("pimento export", Lacks),
    ("pimento import", Lacks),
    ("pimento init", Lacks),
    ("pimento open", Lacks),
    ("pimento open --dry-run", Lacks),
    ("pimento open --extend", Lacks),
    ("pimento password", Lacks),
    ("pimento preflight", Lacks),
    ("pimento run", Lacks),
    ("pimento service", Lacks),
    ("pimento sudo", Lacks),
    ("pimento sudo HOST", Lacks),
    ("ssh -G", Lacks),
    ("ssh -O exit", Lacks),
    ("ssh -v", Lacks),
    ("ssh-add -x", Lacks),
    ("ssh-keygen -Y", Lacks),
    ("sudo -A", Lacks),
    ("sudo -S", Lacks),
    ("ssh -A", Lacks),
    // In blocks.
    ("export SSH_AUTH_SOCK=\"$XDG_RUNTIME_DIR/pimento/agent.sock\"", Block("docs/operating", "export SSH_AUTH_SOCK=\"$XDG_RUNTIME_DIR/pimento/agent.sock\"")),
    ("cargo run -- demo", Block("README", "demo")),
    ("pimento demo", Block("README", "demo")),
    ("pimento init TENANT --client-id GUID", Block("docs/init", "pimento init contoso.onmicrosoft.com --client-id GUID")),
    ("pimento init contoso.onmicrosoft.com --client-id GUID", Block("docs/init", "pimento init contoso.onmicrosoft.com --client-id GUID")),
    ("az login", Block("README", "az login --tenant")),
    // Left out.
    ("$env:SSH_AUTH_SOCK = '\\\\.\\pipe\\pimento-…-agent'", Left(Why::Windows)),
    ("./check", Left(Why::Project)),
    ("./check lint-package", Left(Why::Project)),
    ("Stop-Service ssh-agent; Set-Service ssh-agent -StartupType Disabled", Left(Why::Windows)),
    ("apt-get install pinentry-curses", Left(Why::Package)),
    ("az account get-access-token --scope …", Left(Why::Live)),
    ("az ad app credential reset --id … --cert @… --append", Left(Why::Live)),
    ("az ad app federated-credential create …", Left(Why::Live)),
    ("az keyvault network-rule add …", Left(Why::Live)),
    ("az keyvault secret recover …", Left(Why::Live)),
    ("az keyvault secret set-attributes …", Left(Why::Live)),
    ("az keyvault secret set-attributes … --tags rotate-after=90d", Left(Why::Live)),
    ("az keyvault set-policy …", Left(Why::Live)),
    ("az keyvault show --name NAME --query id", Left(Why::Live)),
    ("az login --claims-challenge", Left(Why::Live)),
    ("az login --service-principal", Left(Why::Live)),
    ("az role assignment create", Left(Why::Live)),
    ("az role assignment create …", Left(Why::Live)),
    ("brew services start pimento", Left(Why::MacOs)),
    ("cargo bench --bench activation", Left(Why::Project)),
    ("cargo bench --bench askpass", Left(Why::Project)),
    ("cargo bench --bench custody", Left(Why::Project)),
    ("cargo bench --bench idle", Left(Why::Project)),
    ("cargo build", Left(Why::Project)),
    ("cargo install --path . --no-default-features --features clipboard", Left(Why::Project)),
    ("cargo test --release --test soak -- --ignored", Left(Why::Project)),
    ("just fuzz", Left(Why::Project)),
    ("just fuzz message 600", Left(Why::Project)),
    ("just macos", Left(Why::Project)),
    ("just miri", Left(Why::Project)),
    ("just musl", Left(Why::Project)),
    ("just packages", Left(Why::Project)),
    ("just release", Left(Why::Project)),
    ("just reproducible", Left(Why::Project)),
    ("just test-packages", Left(Why::Project)),
    ("just windows", Left(Why::Project)),
    ("man pimento", Left(Why::Package)),
    ("man pimento-open", Left(Why::Package)),
    ("openssl speed", Left(Why::Project)),
    ("systemctl --global disable pimento.socket", Left(Why::Package)),
    ("sudo journalctl -u \"pimento@$UID\"", Left(Why::Package)),
    ("systemctl edit pimento@UID.service", Left(Why::Package)),
    ("systemctl restart pimento@UID.service", Left(Why::Package)),
    ("systemctl stop pimento@UID.service", Left(Why::Package)),
    ("sudo systemctl disable --now pimento@UID.service", Left(Why::Package)),
    ("terraform validate", Left(Why::Live)),
    ("whoami /user", Left(Why::Windows)),
    ("whoami.exe /user", Left(Why::Windows)),
    ("wsl.exe --shutdown", Left(Why::Windows)),
];

/// Whether what stands between backticks is something to type.
fn is_command(page: &Path, span: &str) -> bool {
    let Some((program, _)) = span.split_once(' ') else {
        return span.starts_with("./");
    };
    // The rows of cli.md are without `pimento`: `synopsis.rs`.
    let bare = page.ends_with("docs/cli.md") && program != "pimento";
    !bare && (PROGRAMS.contains(&program) || program.starts_with("./"))
}

#[test]
fn every_command_between_backticks_is_run_or_left_out_with_a_reason() {
    let mut found = BTreeSet::new();
    for (page, text) in texts() {
        // Why something was decided is history, and nothing to type.
        if !page.components().any(|it| it.as_os_str() == "decisions") {
            let commands = spans(&text).into_iter().filter(|it| is_command(&page, it));
            found.extend(commands);
        }
    }
    let known: BTreeSet<String> = INLINE.iter().map(|(it, _)| (*it).to_owned()).collect();
    assert_eq!(known.len(), INLINE.len(), "one is there twice");
    let missing: Vec<_> = found.difference(&known).collect();
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "nobody runs {missing:#?}; no page has {gone:#?}"
    );
}

#[test]
fn a_reason_is_given_for_no_other_program_than_it_is_about() {
    for (command, typed) in &INLINE {
        let Left(why) = typed else { continue };
        let programs: &[&str] = match why {
            Why::Live => &["az ", "terraform "],
            Why::MacOs => &["brew "],
            Why::Package => &[
                "apt-get install ",
                "man pimento",
                "systemctl --global ",
                "systemctl edit pimento@",
                "systemctl restart pimento@",
                "systemctl stop pimento@",
                "sudo journalctl -u \"pimento@",
                "sudo systemctl disable --now pimento@",
            ],
            Why::Project => &["./check", "cargo ", "just ", "openssl speed"],
            Why::Recipe => &["docker log", "rclone config"],
            Why::Windows => &["$env:", "Stop-Service ", "whoami", "wsl.exe "],
            Why::Address | Why::NoCommand => &[],
        };
        assert!(
            programs.iter().any(|it| command.starts_with(it)),
            "{command}: {why:?}"
        );
    }
}

#[test]
fn what_is_said_to_be_in_a_block_is_in_one_that_is_run() {
    for (command, typed) in &INLINE {
        if let Block(page, part) = typed {
            let walk = crate::walk::Walk::of(page);
            assert!(walk.has(part), "{command}: {page} has no {part}");
            walk.stops_in_silence();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_between_backticks_do_what_they_are_there_for() {
    let reader = Reader::new().await;
    let _agent = reader.agent();
    let mut otherwise = Vec::new();
    for (command, typed) in &INLINE {
        match typed {
            Desk(script, code, says) => otherwise.extend(reader.differs(script, *code, says)),
            Lacks => otherwise.extend(is_whole(&reader, command)),
            Sudo(..) | Systemd(..) | Block(..) | Left(_) => {}
        }
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
}

/// Why a command does not lack anything, if so.
fn is_whole(reader: &Reader, command: &str) -> Option<String> {
    let ran = reader.run(command);
    let refused = match command.starts_with("pimento ") {
        true => ran.code == Some(2),
        false => !matches!(ran.code, Some(0 | 124)),
    };
    (!refused).then(|| format!("{command} is whole: {ran:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_for_systemd_do_what_they_are_there_for() {
    let reader = Reader::new().await;
    let mut script = "export SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock\n".to_owned();
    let mut expected = Vec::new();
    for (command, typed) in &INLINE {
        if let Systemd(typed, says) = typed {
            script += &format!("echo; echo '== {command}'\n{typed}\n");
            expected.push((command, says));
        }
    }
    let Some(ran) = reader.managed(&format!("exec 2>&1; {script}")) else {
        return;
    };
    let said: Vec<&str> = ran.out.split("\n== ").skip(1).collect();
    assert_eq!(said.len(), expected.len(), "{ran:?}");
    for (said, (command, says)) in said.iter().zip(expected) {
        assert!(said.contains(says), "{command}: {said}");
    }
}

/// Runs what needs sudo.
pub(crate) fn as_user_with_sudo(reader: &Reader) {
    for (_, typed) in &INLINE {
        if let Sudo(script, code, says) = typed {
            reader.types(script, *code, says);
        }
    }
}
