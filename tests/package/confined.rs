//! The agent as a unit of the system's systemd, which confines it as a user's cannot.

use std::process::Stdio;

use crate::page::Page;
use crate::setup::{Installed, same};
use crate::support::KEYS;
use crate::support::etc::ID;
use crate::support::home::text;
use crate::support::terminal::Terminal;

/// A machine that was booted by systemd, a user who is logged in, and the agent confined.
struct Confined(Installed);

impl Confined {
    async fn new(change: impl FnOnce(String) -> String) -> Option<Self> {
        let mut installed = Installed::new(change).await?;
        installed.machine.boot();
        installed.install();
        // Whose sockets are to be handed over.
        assert_eq!(installed.systemctl("is-active pimento.socket"), "active");
        let page = Page::at("docs/operating");
        installed
            .machine
            .ok(&page.block("confined", &[("sudo ", "")]));
        Some(Self(installed))
    }

    /// What the system's systemd says of the agent.
    fn property(&self, name: &str) -> String {
        let show = format!("systemctl show --property {name} --value pimento@{ID}.service");
        self.0.machine.ok(&show).trim().to_owned()
    }

    /// Runs a script with what the agent sees of the machine, and may do there.
    fn beside(&self, script: &str) -> (bool, String) {
        let agent = self.property("MainPID");
        let enter = format!(
            "nsenter --target {agent} --mount --root --wd setpriv --reuid {ID} --regid {ID} --clear-groups \
             sh -c '{script}' 2>&1"
        );
        let output = self.0.machine.root(&enter).output().unwrap();
        (output.status.success(), text(&output.stdout))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_systems_unit_serves_the_user_from_a_machine_that_it_cannot_write_to() {
    let Some(confined) = Confined::new(same).await else {
        return;
    };
    let machine = &confined.0.machine;
    // The user's own units have stood back, and stay back.
    let own = "systemctl --user start pimento.socket pimento.service; systemctl --user is-active pimento.socket";
    assert_eq!(
        text(&machine.user(own).output().unwrap().stdout).trim(),
        "inactive"
    );
    confined.0.sign_in();
    confined.0.logs_in();
    // It sees who asks, root too.
    let record = format!("/var/lib/pimento/{ID}/audit/audit.jsonl");
    let lines = machine.ok(&format!("cat {record}"));
    // By the path outside its own view, where this machine is a folder.
    assert!(lines.contains("/usr/bin/ssh\",\"pid\""), "{lines}");
    let socket = format!("SSH_AUTH_SOCK=/run/user/{ID}/pimento/agent.sock");
    let listed = machine.ok(&format!("{socket} ssh-add -l"));
    assert_eq!(listed.lines().count(), KEYS.len(), "{listed}");
    // The user's commands find the record there.
    machine.user_ok("pimento audit verify");
    // It is held back by the kernel, and by its view of the files.
    let agent = confined.property("MainPID");
    let status = machine.ok(&format!("cat /proc/{agent}/status"));
    for line in ["CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(line), "{line}: {status}");
    }
    for file in [
        "$HOME/.bashrc",
        "$HOME/.ssh/authorized_keys",
        "/tmp/here",
        "/var/tmp/here",
    ] {
        let home = confined.0.home.folder.path().display();
        let file = file.replace("$HOME", &home.to_string());
        // Where the user can.
        machine.user_ok(&format!(
            "mkdir -p {file}.d; rmdir {file}.d; mkdir -p ~/.ssh"
        ));
        let (written, why) = confined.beside(&format!(": > {file}"));
        assert!(
            !written && why.contains("Read-only file system"),
            "{file}: {why}"
        );
    }
    let (written, why) = confined.beside(&format!(": > /run/user/{ID}/pimento/here"));
    assert!(written, "{why}");
    let (opened, why) = confined.beside("cat /dev/kmsg");
    assert!(!opened, "{why}");
    // And back to the user's own.
    machine.ok(&format!("systemctl disable --now pimento@{ID}.service"));
    machine.user_ok("systemctl --user start pimento.socket");
    machine.user_ok("pimento service status");
    machine.user_ok("SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock ssh-add -l");
    // The record goes on where it is.
    machine.user_ok("pimento audit verify");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_and_a_question_on_the_terminal_come_up_outside_the_confinement() {
    let change = |config: String| {
        let config = config.replace("[key.web]\n", "[key.web]\nconfirm = true\n");
        config.replace(
            "[agent]\n",
            "[agent]\npinentry = \"/usr/bin/pinentry-tty\"\n",
        )
    };
    let Some(confined) = Confined::new(change).await else {
        return;
    };
    confined.0.sign_in();
    let ssh = confined.0.ssh_command();
    let mut terminal = Terminal::run(&confined.0.machine.user(&format!(
        "export TERM=dumb; exec script --quiet --return --command \"{}\" /dev/null",
        ssh.replace('"', "\\\"").replace('$', "\\$")
    )));
    terminal.shows("[yn]? ");
    terminal.types("y\n");
    let (ended, shown) = terminal.ends();
    assert!(ended, "{shown}");
    let machine = &confined.0.machine;
    machine.user_ok("sed -i 's/\"device-code\"/\"browser\"/' ~/.config/pimento/config.toml");
    machine.ok(&format!("systemctl restart pimento@{ID}.service"));
    confined.0.opens_the_browser_outside();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_starts_the_confined_agent_anew_and_a_purge_leaves_its_record_only() {
    let Some(confined) = Confined::new(same).await else {
        return;
    };
    let (installed, machine) = (&confined.0, &confined.0.machine);
    let told = machine.user_ok("pimento service install 2>&1");
    assert!(
        told.contains(&format!(
            "sudo systemctl disable --now pimento@{ID}.service"
        )),
        "{told}"
    );
    let status = machine.user_ok("pimento service status");
    assert!(status.contains("agent     active"), "{status}");
    // There is none for somebody who is not logged in, or by a name instead of a number.
    for nobody in ["4242", "mia"] {
        let started = machine.root(&format!("systemctl start pimento@{nobody}.service"));
        assert!(!{ started }.output().unwrap().status.success(), "{nobody}");
    }
    let first = confined.property("MainPID");
    let later = installed.home.path("later.deb");
    machine.ok(&format!("dpkg -i {}", later.display()));
    assert_ne!(confined.property("MainPID"), first);
    assert_eq!(confined.property("ActiveState"), "active");
    machine.ok("dpkg --purge pimento");
    let agents = machine
        .root("pgrep -x pimento")
        .stdout(Stdio::null())
        .status();
    assert!(!agents.unwrap().success());
    let left: Vec<String> = installed
        .added()
        .into_iter()
        .filter(|file| file.contains("pimento") && !file.starts_with("/run"))
        .collect();
    assert_eq!(left, [format!("/var/lib/pimento/{ID}/audit/audit.jsonl")]);
    assert!(!machine.user_ok("ls $XDG_RUNTIME_DIR").contains("pimento"));
    let units = machine.ok("systemctl list-units --all --plain --no-legend 'pimento*'");
    assert_eq!(units, "");
}
