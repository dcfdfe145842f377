//! From installation to purge, with the systemd of a user and without.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::setup::{Installed, by_browser, same};
use crate::support::KEYS;
use crate::support::etc::ID;
use crate::support::home::text;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_login_starts_the_agent_and_a_purge_leaves_nothing() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let (machine, before) = (&installed.machine, installed.added());
    installed.install();
    assert_eq!(machine.ok("dpkg --verify pimento"), "");
    let activate = "exec systemd-socket-activate -E XDG_RUNTIME_DIR -E HOME \
                    -l $XDG_RUNTIME_DIR/pimento/agent.sock -l $XDG_RUNTIME_DIR/pimento/control.sock \
                    /usr/bin/pimento agent";
    machine.user_ok("mkdir -m 700 $XDG_RUNTIME_DIR/pimento");
    let mut activate = machine.user(activate);
    let mut waiting = activate.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    // It says so for each socket, and then waits for somebody to ask.
    let mut lines = lines.map_while(Result::ok);
    let said = lines.by_ref().take(2).collect::<Vec<_>>().join("\n");
    assert!(said.contains("control.sock"), "{said}");
    std::thread::spawn(move || lines.for_each(drop));
    assert!(
        !machine
            .root("pgrep -x pimento")
            .output()
            .unwrap()
            .status
            .success()
    );
    installed.sign_in();
    installed.logs_in();
    machine.ok("pkill -TERM -x pimento");
    waiting.wait().unwrap();
    // The sockets are their maker's, and go with the folder.
    machine.user_ok("rm -r $XDG_RUNTIME_DIR/pimento");
    let manual = machine.ok("man -P cat pimento-run");
    assert!(manual.contains("pimento-run"), "{manual}");
    machine.ok("dpkg --purge pimento");
    assert_eq!(installed.added(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_starts_the_agent_anew_and_the_sockets_stay() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    installed.install();
    assert_eq!(installed.systemctl("is-active pimento.socket"), "active");
    assert_eq!(installed.systemctl("is-active pimento.service"), "inactive");
    installed.sign_in();
    installed.logs_in();
    assert_eq!(installed.systemctl("is-active pimento.service"), "active");
    let running = "show --property MainPID --value pimento.service";
    let first = installed.systemctl(running);
    let inode = "stat --format %i $XDG_RUNTIME_DIR/pimento/agent.sock";
    let socket = machine.user_ok(inode);
    machine.ok(&format!(
        "dpkg -i {}",
        installed.home.path("later.deb").display()
    ));
    let second = installed.systemctl(running);
    assert_ne!(first, second);
    assert_eq!(machine.user_ok(inode), socket);
    // Nothing is left of the window, nor of the sign-in.
    assert!(!installed.ssh().status.success());
    installed.sign_in();
    installed.logs_in();
    // An agent that dies is started anew, before anybody asks.
    machine.ok("pkill -KILL -x pimento");
    let listed = machine.user_ok("SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock ssh-add -l");
    assert_eq!(listed.lines().count(), KEYS.len(), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_is_confined_and_the_browser_that_it_starts_is_not() {
    let Some(installed) = Installed::new(by_browser).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    installed.install();
    installed.opens_the_browser_outside();
    let agent = installed.systemctl("show --property MainPID --value pimento.service");
    let status = machine.ok(&format!("cat /proc/{agent}/status"));
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    // 2: by a filter.
    assert!(status.contains("Seccomp:\t2"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_takes_the_agent_its_sockets_and_the_variable_with_it() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    installed.install();
    let told = machine.user_ok("pimento service install --ssh-auth-sock 2>&1");
    assert!(
        told.contains("/usr/lib/systemd/user/pimento.socket"),
        "{told}"
    );
    let variable = format!("SSH_AUTH_SOCK=/run/user/{ID}/pimento/agent.sock");
    assert!(installed.systemctl("show-environment").contains(&variable));
    let generator =
        "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";
    assert!(machine.user_ok(generator).contains(&variable));
    let status = machine.user_ok("pimento service status");
    assert!(status.contains("socket    active, enabled"), "{status}");
    installed.sign_in();
    machine.ok("dpkg --purge pimento");
    assert!(
        !machine
            .root("pgrep -x pimento")
            .output()
            .unwrap()
            .status
            .success()
    );
    assert!(!machine.user_ok("ls $XDG_RUNTIME_DIR").contains("pimento"));
    assert!(
        !installed
            .systemctl("show-environment")
            .contains("SSH_AUTH_SOCK")
    );
    assert!(!installed.systemctl("list-unit-files").contains("pimento"));
    assert!(!machine.user_ok(generator).contains("SSH_AUTH_SOCK"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_listens_for_a_user_without_a_configuration_or_who_turned_it_off() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    machine.user_ok("mv ~/.config/pimento ~/aside");
    installed.install();
    let status = installed.systemctl("status pimento.socket");
    assert!(status.contains("condition failed"), "{status}");
    machine.user_ok("mv ~/aside ~/.config/pimento && systemctl --user start pimento.socket");
    machine.user_ok("pimento service uninstall");
    let status = machine.user("pimento service status").output().unwrap();
    assert_eq!(status.status.code(), Some(10), "{}", text(&status.stdout));
    assert!(
        text(&status.stdout).contains("masked"),
        "{}",
        text(&status.stdout)
    );
    machine.ok(&format!(
        "dpkg -i {}",
        installed.home.path("later.deb").display()
    ));
    assert_eq!(installed.systemctl("is-active pimento.socket"), "inactive");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_package_the_units_are_written_and_taken_away_again() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    machine.start_manager();
    let program = "install -D /usr/bin/pimento '$HOME/my programs/pimento'".replace('\'', "\"");
    installed.install();
    machine.user_ok(&program);
    machine.ok("dpkg --purge pimento");
    let service = "exec \"$HOME/my programs/pimento\" service";
    let absent = machine.user(&format!("{service} status")).output().unwrap();
    assert_eq!(absent.status.code(), Some(10));
    let told = machine.user_ok(&format!("{service} install --ssh-auth-sock"));
    assert!(
        told.contains(".config/systemd/user/pimento.socket"),
        "{told}"
    );
    let listed = machine.user_ok("SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock ssh-add -l");
    assert_eq!(listed.lines().count(), KEYS.len(), "{listed}");
    // Somebody else's unit of that name is left as it is.
    machine.user_ok(&format!("{service} uninstall"));
    assert_eq!(
        machine.user_ok("find ~/.config/systemd ~/.config/environment.d -type f"),
        ""
    );
    assert!(!machine.user_ok("ls $XDG_RUNTIME_DIR").contains("pimento"));
    machine.user_ok("echo mine > ~/.config/systemd/user/pimento.socket");
    let refused = machine
        .user(&format!("{service} install"))
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let why = text(&refused.stderr);
    assert!(why.contains("was not written by pimento"), "{why}");
    assert_eq!(
        machine.user_ok("cat ~/.config/systemd/user/pimento.socket"),
        "mine\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_not_pimentos_is_refused_by_its_path() {
    let Some(installed) = Installed::new(same).await else {
        return;
    };
    let machine = &installed.machine;
    installed.install();
    let activate = "(while ssh-add -l 2>&1 | grep -q 'Error connecting'; do sleep 0.02; done) & \
                    exec systemd-socket-activate -E XDG_RUNTIME_DIR -E HOME -l $SSH_AUTH_SOCK \
                    /usr/bin/pimento agent";
    let mut activate = machine.user(activate);
    activate.env("SSH_AUTH_SOCK", installed.home.path("other.sock"));
    let refused = activate.output().unwrap();
    let why = text(&refused.stderr);
    assert!(why.contains("which is no socket of pimento's"), "{why}");
}
