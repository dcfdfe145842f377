//! `ssh-add -t`, `-c` and `-h`: what a key may be used for, by whom and how long.

use crate::host::Host;
use crate::ssh_agent::keys::TestKey;
use crate::ssh_agent::{TestAgent, eventually};
use crate::{add, fingerprint, listed};

#[test]
fn a_key_is_gone_when_its_lifetime_is_over() {
    let agent = TestAgent::start();
    let (short, long) = (TestKey::new("ed25519", "256"), TestKey::new("ecdsa", "256"));
    let added = agent.run("ssh-add", &["-t", "2", &short.private]);
    assert!(
        added.stderr.contains("Lifetime set to 2 seconds"),
        "{added:?}"
    );
    added.ok();
    agent
        .run("ssh-add", &["-q", "-t", "1h", &long.private])
        .ok();
    agent.run("ssh-add", &["-T", &short.public]).ok();
    eventually("its time is over", || listed(&agent) == 1);
    assert_eq!(agent.run("ssh-add", &["-L"]).ok(), long.public_line());
    agent
        .run("ssh-add", &["-T", &short.public])
        .refused(1, "agent refused operation");
}

/// As with OpenSSH's agent: the last word counts.
#[test]
fn adding_a_key_again_without_a_lifetime_keeps_it() {
    let agent = TestAgent::start();
    let (renewed, witness) = (TestKey::new("ed25519", "256"), TestKey::new("ecdsa", "256"));
    agent
        .run("ssh-add", &["-q", "-t", "1", &renewed.private])
        .ok();
    add(&agent, &renewed);
    agent
        .run("ssh-add", &["-q", "-t", "2", &witness.private])
        .ok();
    eventually("the witness is gone", || listed(&agent) == 1);
    assert_eq!(agent.run("ssh-add", &["-L"]).ok(), renewed.public_line());
}

/// Writes what it is asked to a file, and ends with the code in another.
const ASKPASS: &str = "#!/bin/sh\nprintf '%s\\n' \"$1\" \"[$SSH_ASKPASS_PROMPT]\" >>asked\n\
                       cat answer\nexit \"$(cat code)\"\n";

fn asking_agent(options: &[&str]) -> TestAgent {
    TestAgent::start_with(|command| {
        let socket = command.get_args().last().unwrap().to_owned();
        let folder = std::path::Path::new(&socket).parent().unwrap().to_owned();
        let askpass = folder.join("askpass");
        std::fs::write(
            &askpass,
            ASKPASS
                .replace("asked\n", &format!("{}/asked\n", folder.display()))
                .replace("cat answer", &format!("cat {}/answer", folder.display()))
                .replace("cat code", &format!("cat {}/code", folder.display())),
        )
        .unwrap();
        std::fs::set_permissions(
            &askpass,
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        command
            .args(options)
            .env("SSH_ASKPASS", askpass)
            .env("SSH_ASKPASS_REQUIRE", "force");
    })
}

/// Has the next question answered like this, and forgets what was asked before.
fn answers(agent: &TestAgent, text: &str, code: &str) {
    agent.file("answer", text);
    agent.file("code", code);
    agent.file("asked", "");
}

fn asked(agent: &TestAgent) -> String {
    std::fs::read_to_string(agent.folder.path().join("asked")).unwrap()
}

#[test]
fn a_key_to_be_confirmed_signs_only_when_somebody_says_yes() {
    let agent = asking_agent(&[]);
    let key = TestKey::new("ed25519", "256");
    let plain = TestKey::new("ecdsa", "256");
    answers(&agent, "", "1");
    agent.run("ssh-add", &["-q", "-c", &key.private]).ok();
    add(&agent, &plain);
    assert_eq!(listed(&agent), 2);
    agent.run("ssh-add", &["-T", &plain.public]).ok();
    assert_eq!(asked(&agent), "", "nothing of this needs to be confirmed");
    let test = || agent.run("ssh-add", &["-T", &key.public]);
    test().refused(1, "agent refused operation");
    let question = asked(&agent);
    assert!(question.contains(&fingerprint(&key)), "{question}");
    assert!(question.contains(&key.name), "{question}");
    assert!(question.contains("[confirm]"), "{question}");
    answers(&agent, "yes\n", "0");
    test().ok();
    answers(&agent, "", "0");
    test().ok();
    // A person who types is not a person who says yes.
    answers(&agent, "no\n", "0");
    test().refused(1, "agent refused operation");
    answers(&agent, "yes\n", "1");
    test().refused(1, "agent refused operation");
}

#[test]
fn without_anybody_to_ask_the_answer_is_no() {
    let agent = TestAgent::start_with(|command| {
        command
            .env_remove("WAYLAND_DISPLAY")
            .env("SSH_ASKPASS_REQUIRE", "never");
    });
    let key = TestKey::new("ed25519", "256");
    agent.run("ssh-add", &["-q", "-c", &key.private]).ok();
    agent
        .run("ssh-add", &["-T", &key.public])
        .refused(1, "agent refused operation");
}

#[test]
fn a_restricted_key_logs_in_where_it_may_and_nowhere_else() {
    let agent = TestAgent::start();
    let key = TestKey::new("ed25519", "256");
    let (Some(allowed), Some(other)) = (Host::new("allowed", &key), Host::new("other", &key))
    else {
        return;
    };
    let known = agent.file(
        "known",
        &format!("{}{}", allowed.known_line(), other.known_line()),
    );
    let restricted = ["-q", "-H", &known, "-h", "allowed", &key.private];
    agent.run("ssh-add", &restricted).ok();
    assert_eq!(listed(&agent), 1, "whoever asks from here sees it");
    agent
        .run("ssh-add", &["-T", &key.public])
        .refused(1, "agent refused operation");
    allowed.ssh(&agent, &key).ok();
    // The other host is not even offered it.
    other.ssh(&agent, &key).refused(255, "Permission denied");
    add(&agent, &key);
    other.ssh(&agent, &key).ok();
    allowed.ssh(&agent, &key).ok();
}

#[test]
fn a_key_for_one_user_is_not_for_another() {
    let agent = TestAgent::start();
    let key = TestKey::new("ecdsa", "256");
    let Some(host) = Host::new("allowed", &key) else {
        return;
    };
    let known = agent.file("known", &host.known_line());
    let only = |user: &str| {
        let place = format!("{user}@allowed");
        agent
            .run("ssh-add", &["-q", "-H", &known, "-h", &place, &key.private])
            .ok();
    };
    only("somebody-else");
    host.ssh(&agent, &key).refused(255, "refused operation");
    only(&host.user);
    host.ssh(&agent, &key).ok();
}
