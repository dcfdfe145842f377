//! Real sudo, with passwords of a vault, in an `/etc` of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod desk;
mod sudo_rs;

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use desk::{Desk, printed, refused};
use support::etc::OTHER;
use support::home::text;
use support::until;

#[tokio::test(flavor = "multi_thread")]
async fn sudo_becomes_root_with_one_activation_and_one_read() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    let output = desk.sudo(&["id", "-u"]).output().unwrap();
    assert_eq!(printed(&output), "0");
    assert_eq!((desk.activations(), desk.reads()), (1, 1));
    let told = text(&output.stderr);
    let notice = "pimento: password root-here goes to sudo for root@localhost, by: sudo -A id -u";
    assert!(told.contains(notice), "{told}");
    let audit = desk.audit();
    assert!(audit.contains("\"end\":\"give\""), "{audit}");
    assert!(audit.contains("[\"sudo\",\"-A\",\"id\",\"-u\"]"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_sudos_at_once_cause_one_activation_and_one_read() {
    let Some(desk) = Desk::new("Defaults rootpw, timestamp_timeout=0").await else {
        return;
    };
    let running: Vec<_> = (0..50)
        .map(|_| desk.sudo(&["id", "-u"]).spawn().unwrap())
        .collect();
    for sudo in running {
        assert_eq!(printed(&sudo.wait_with_output().unwrap()), "0");
    }
    assert_eq!((desk.activations(), desk.reads()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_that_the_prompt_names_decides_whose_password_it_is() {
    let Some(desk) = Desk::new("Defaults targetpw").await else {
        return;
    };
    let target = desk.sudo(&["-u", OTHER, "id", "-un"]).output().unwrap();
    assert_eq!(printed(&target), OTHER);
    assert!(text(&target.stderr).contains("deploy-here"));
    desk.etc()
        .sudoers(&format!("Defaults runaspw, runas_default={OTHER}"));
    let runas = desk.sudo(&["id", "-un"]).output().unwrap();
    assert_eq!(printed(&runas), OTHER);
    let root = desk.sudo(&["-u", "root", "id", "-u"]).output().unwrap();
    assert_eq!(printed(&root), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_password_in_the_vault_gets_none_and_fails_nowhere() {
    // Without `rootpw`, sudo asks for the user's own password.
    let Some(desk) = Desk::new("").await else {
        return;
    };
    desk.etc().with_faillock();
    let told = refused(&desk.sudo(&["id", "-u"]).output().unwrap());
    assert!(
        told.contains("there is no password named \"mia@localhost\""),
        "{told}"
    );
    assert!(told.contains("sudo is stopped"), "{told}");
    assert_eq!(desk.activations(), 0);
    assert_eq!(
        desk.etc().failures("mia"),
        0,
        "a missing password would count"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_of_the_users_making_or_in_another_language_gets_none() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    for prompt in [
        "Password: ",
        "[sudo] Passwort fuer root: ",
        "[sudo] password for root:",
    ] {
        refused(&desk.sudo(&["-p", prompt, "id"]).output().unwrap());
    }
    assert_eq!(desk.activations(), 0);
    let why = desk.why();
    assert!(why.contains("not one that pimento answers"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_helper_can_be_named_in_sudo_conf() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    let line = format!("Path askpass {}\n", desk.etc().askpass().display());
    desk.etc().write("sudo.conf", &line, 0o644);
    let mut sudo = desk.sudo(&["id", "-u"]);
    assert_eq!(
        printed(&sudo.env_remove("SUDO_ASKPASS").output().unwrap()),
        "0"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_given_once_and_locks_no_account() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    desk.etc().with_faillock();
    desk.etc().set_password("root", "something else");
    let told = refused(&desk.sudo(&["id"]).output().unwrap());
    assert!(told.contains("it seems wrong"), "{told}");
    assert_eq!(desk.etc().failures("root"), 1);
    // Whichever sudo asks: this version was wrong.
    for _ in 0..5 {
        let told = refused(&desk.sudo(&["id"]).output().unwrap());
        assert!(told.contains("it seems wrong"), "{told}");
    }
    assert_eq!(desk.etc().failures("root"), 1, "deny=3 is not reached");
    // A new version is tried, once the old one is gone from memory.
    desk.home
        .emulator
        .change(|cloud| cloud.put_secret("kv-linux", "db01-root", "something else"));
    assert!(desk.home.run(&["close", "--all"]).status.code().is_some());
    assert_eq!(printed(&desk.sudo(&["id", "-u"]).output().unwrap()), "0");
    assert_eq!(desk.etc().failures("root"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_only_looks_like_sudo_gets_nothing() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    // Python under the name of sudo: it has its name, and not its rights.
    let fake = desk.etc().path("bin/sudo");
    support::sshd::run(Command::new("cp").arg("/bin/bash").arg(&fake));
    let script = "\"$SUDO_ASKPASS\" '[sudo] password for root: '; true";
    let mut command = desk.home.command(&fake);
    command.args(["-c", script]);
    let output = command.env("SUDO_ASKPASS", desk.etc().askpass()).output();
    let output = output.unwrap();
    assert_eq!(text(&output.stdout), "");
    let told = text(&output.stderr);
    assert!(told.contains("the program that asks is not"), "{told}");
    assert_eq!(desk.activations(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_helper_says_nothing_and_sudo_stops() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    // An approver is waited for, so that the helper waits too.
    let fault = pimento::emulator::scenario::Fault {
        operation: "graph.assignmentScheduleRequests.create".to_owned(),
        delay: jiff::SignedDuration::from_secs(60),
        ..Default::default()
    };
    desk.home.emulator.change(|cloud| cloud.fault(fault));
    let mut sudo = desk.sudo(&["id"]);
    let mut sudo = sudo.process_group(0).spawn().unwrap();
    until("PIM is asked", || {
        desk.audit().contains("\"event\":\"opening\"")
    })
    .await;
    // As Ctrl-C does: to all of the terminal's foreground.
    let group = rustix::process::Pid::from_child(&sudo);
    rustix::process::kill_process_group(group, rustix::process::Signal::INT).unwrap();
    sudo.wait().unwrap();
    let output = sudo.wait_with_output().unwrap();
    refused(&output);
}

/// Whether sudo still remembers that it was given a password.
fn remembers(desk: &Desk) -> bool {
    let mut sudo = desk.home.command("sudo");
    let output = sudo.args(["-n", "id", "-u"]).output().unwrap();
    output.status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn sudo_forgets_with_the_window_where_that_is_configured() {
    for (at_end, forgets) in [("at_end = [\"sudo\"]\n", true), ("", false)] {
        let change = |text: String| text.replace("[agent]\n", &format!("[agent]\n{at_end}"));
        let Some(desk) = Desk::with("Defaults rootpw, timestamp_type=global", change).await else {
            return;
        };
        assert!(!remembers(&desk));
        assert_eq!(printed(&desk.sudo(&["id", "-u"]).output().unwrap()), "0");
        assert!(remembers(&desk));
        desk.home.run(&["close", "--all"]);
        if forgets {
            until("sudo has forgotten", || !remembers(&desk)).await;
        } else {
            assert!(remembers(&desk));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_confirmed_goes_to_sudo_after_a_yes_to_its_command() {
    let confirm = |text: String| {
        text.replace(
            "[password.root-here]\n",
            "[password.root-here]\nconfirm = true\n",
        )
    };
    for (answer, allowed) in [("yes", true), ("no", false)] {
        let Some(desk) = Desk::asking("Defaults rootpw", answer, confirm).await else {
            return;
        };
        let output = desk.sudo(&["id", "-u"]).output().unwrap();
        if allowed {
            assert_eq!(printed(&output), "0");
        } else {
            refused(&output);
            assert_eq!(desk.activations(), 0);
        }
        let question = std::fs::read_to_string(desk.home.path("question")).unwrap();
        assert!(
            question.contains("by sudo for root@localhost, to run: sudo -A id -u"),
            "{question}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_awkward_password_is_given_exactly_or_refused_with_the_reason() {
    let Some(desk) = Desk::new("Defaults rootpw, timestamp_timeout=0").await else {
        return;
    };
    let put = |password: &str| {
        desk.home
            .emulator
            .change(|cloud| cloud.put_secret("kv-linux", "db01-root", password));
        desk.home.run(&["lock"]);
        desk.home.run(&["lock", "--off"]);
    };
    let longest = "p".repeat(511);
    for (password, odd) in [
        (longest.as_str(), None),
        (" both ends ", Some("a space at its beginning or end")),
        ("tab\there", Some("a control character")),
        ("gr\u{fc}\u{df}e \u{1f511}", None),
    ] {
        put(password);
        desk.etc().set_password("root", password);
        let output = desk.sudo(&["id", "-u"]).output().unwrap();
        assert_eq!(printed(&output), "0", "{password:?}");
        let told = text(&output.stderr);
        assert_eq!(
            told.contains("password root-here: it"),
            odd.is_some(),
            "{told}"
        );
        assert!(told.contains(odd.unwrap_or_default()), "{told}");
    }
    for (password, why) in [
        ("p".repeat(512), "longer than the 511 bytes"),
        ("two\nlines".to_owned(), "a line break or a NUL inside"),
        (
            "carriage\rreturn".to_owned(),
            "a line break or a NUL inside",
        ),
    ] {
        put(&password);
        // A refusal is given again for two seconds.
        let reason = || refused(&desk.sudo(&["id"]).output().unwrap()).contains(why);
        until(why, reason).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ansible_becomes_root_by_a_password_file_that_asks_pimento() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    let script = desk.etc().path("bin/become");
    let body = format!(
        "#!/bin/sh\nexec {} password root-here\n",
        desk.etc().path("bin/pimento").display()
    );
    let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", write, "sh"]).arg(body).arg(&script);
    assert!(shell.status().unwrap().success());
    let ansible = |script: &std::path::Path| {
        let mut ansible = desk.home.command("ansible");
        ansible.args(["localhost", "-i", "localhost,", "-c", "local", "--become"]);
        ansible.arg("--become-password-file").arg(script);
        ansible.args(["-m", "command", "-a", "id -u"]);
        ansible.env("ANSIBLE_LOCAL_TEMP", desk.home.path("ansible"));
        ansible.env("ANSIBLE_REMOTE_TEMP", desk.home.path("ansible"));
        ansible.stdout(Stdio::piped()).stderr(Stdio::piped());
        ansible.output().unwrap()
    };
    let output = ansible(&script);
    let shown = text(&output.stdout);
    assert!(
        shown.contains("rc=0 >>\n0"),
        "{shown}{}",
        text(&output.stderr)
    );
    assert_eq!((desk.activations(), desk.reads()), (1, 1));
    // A password that was not to be had stops Ansible before it asks sudo for anything.
    desk.home.run(&["lock"]);
    let output = ansible(&script);
    assert!(!output.status.success());
    assert!(
        text(&output.stderr).contains("pimento is locked"),
        "{}",
        text(&output.stderr)
    );
}
