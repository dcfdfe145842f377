//! `docs/recipes/ansible.md`, with Ansible.

use std::fs;
use std::process::Output;

use super::kitchen::{Kitchen, SECRET, told};
use super::page::Page;
use crate::support::home::text;

const BLOCKS: [&str; 8] = [
    "config",
    "group-vars",
    "playbook",
    "become-password",
    "become",
    "install",
    "vault",
    "ansible-cfg",
];

/// Hosts that are this machine, and a playbook that looks at what became of the lookup. Nothing is
/// run as another user: that is sudo's part.
const INVENTORY: &str = "[all:vars]\nansible_connection=local\n\
    ansible_python_interpreter=/usr/bin/python3\n[all]\ndb01.contoso.com\nweb01.contoso.com\n";
const SITE: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n\
    \x20   - ansible.builtin.assert:\n\
    \x20       that: ansible_become_password | default('') == expected[inventory_hostname]\n\
    \x20     when: expected is defined\n\
    \x20   - ansible.builtin.file: { path: ran, state: touch }\n";

async fn kitchen() -> Kitchen {
    let page = Page::at("docs/recipes/ansible").with(&BLOCKS);
    let secrets = [
        ("db01-root", SECRET),
        ("web01-root", "another"),
        ("ansible-vault", SECRET),
    ];
    let kitchen = Kitchen::with(page, &[], &secrets).await;
    for (name, text) in [("inventory.ini", INVENTORY), ("site.yml", SITE)] {
        fs::write(kitchen.home.path(name), text).unwrap();
    }
    kitchen
}

fn with_lookup(kitchen: &Kitchen) {
    let folder = kitchen.home.path("group_vars");
    fs::create_dir(&folder).unwrap();
    let vars = kitchen.page.block("group-vars", &[]);
    fs::write(folder.join("all.yml"), vars).unwrap();
}

/// Runs the playbook with these passwords expected.
fn play(kitchen: &Kitchen, db: &str, web: &str) -> Output {
    let expected = serde_json::json!({
        "expected": { "db01.contoso.com": db, "web01.contoso.com": web },
    });
    fs::write(kitchen.home.path("expected.json"), expected.to_string()).unwrap();
    let script = kitchen.page.block(
        "playbook",
        &[("site.yml", "--extra-vars @expected.json site.yml")],
    );
    kitchen.run(&script)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_host_gets_the_password_of_its_own_account() {
    let kitchen = kitchen().await;
    with_lookup(&kitchen);
    let played = play(&kitchen, SECRET, "another");
    assert!(played.status.success(), "{}", told(&played));
    assert!(!told(&played).contains(SECRET), "{}", told(&played));
    let revealed = kitchen.recorded("released");
    let of = |name: &str| revealed.iter().any(|it| it["credential"] == name);
    assert!(of("db01-root") && of("web01-root"));
    // The test can fail.
    assert!(!play(&kitchen, SECRET, SECRET).status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_password_fails_and_says_why() {
    let kitchen = kitchen().await;
    with_lookup(&kitchen);
    let inventory = INVENTORY.replace("web01.contoso.com", "web02.contoso.com");
    fs::write(kitchen.home.path("inventory.ini"), inventory).unwrap();
    let played = play(&kitchen, SECRET, "");
    assert!(!played.status.success());
    let why = "there is no password for \"root@web02.contoso.com\" that may be revealed";
    let told = told(&played);
    assert!(told.replace('\\', "").contains(why), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_become_password_file_is_run_and_a_refusal_stops_the_play() {
    let kitchen = kitchen().await;
    let script = kitchen.page.block("become-password", &[]);
    fs::write(kitchen.home.path("become-password"), script).unwrap();
    kitchen.follow("become", &[]);
    assert!(kitchen.home.path("ran").exists());
    assert_eq!(kitchen.recorded("released").len(), 1);
    fs::remove_file(kitchen.home.path("ran")).unwrap();
    kitchen.ok("pimento lock");
    let refused = kitchen.run(&kitchen.page.block("become", &[]));
    assert!(!refused.status.success());
    assert!(
        text(&refused.stderr).contains("pimento is locked"),
        "{}",
        told(&refused)
    );
    assert!(!kitchen.home.path("ran").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn ansible_vault_encrypts_and_views_with_the_vaults_password() {
    let kitchen = kitchen().await;
    kitchen.follow("install", &[]);
    fs::write(kitchen.home.path("secrets.yml"), "hello: there\n").unwrap();
    let shown = kitchen.follow("vault", &[]);
    assert!(shown.ends_with("hello: there\n"), "{shown}");
    let file = fs::read_to_string(kitchen.home.path("secrets.yml")).unwrap();
    assert!(file.starts_with("$ANSIBLE_VAULT;"), "{file}");
    // It is the vault's password, and no other.
    fs::write(kitchen.home.path("password"), SECRET).unwrap();
    let by_file = "ansible-vault view --vault-id prod@password secrets.yml";
    assert_eq!(kitchen.ok(by_file), "hello: there\n");
    fs::write(kitchen.home.path("password"), "another").unwrap();
    assert!(!kitchen.run(by_file).status.success());
    // The same with the configuration file.
    let config = kitchen.page.block("ansible-cfg", &[]);
    fs::write(kitchen.home.path("ansible.cfg"), config).unwrap();
    let script = "ANSIBLE_CONFIG=ansible.cfg ansible-vault view secrets.yml";
    assert_eq!(kitchen.ok(script), "hello: there\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_vault_id_is_what_ansible_knows_as_such_and_another_failure_is_not() {
    let kitchen = kitchen().await;
    kitchen.follow("install", &[]);
    fs::write(kitchen.home.path("secrets.yml"), "hello: there\n").unwrap();
    let script = "ansible-vault encrypt --vault-id ID@$HOME/.local/bin/pimento-client secrets.yml";
    let unknown = kitchen.run(&script.replace("ID", "staging"));
    assert!(!unknown.status.success());
    let told = told(&unknown);
    assert!(
        told.contains("did not find a secret for vault-id=staging"),
        "{told}"
    );
    let code = |id: &str| {
        let output = kitchen.run(&format!("pimento-client --vault-id {id}"));
        assert!(output.stdout.is_empty());
        output.status.code()
    };
    assert_eq!(code("staging"), Some(2));
    kitchen.ok("pimento lock");
    assert_eq!(code("prod"), Some(6));
    assert_eq!(code("staging"), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_stands_for_its_one_password_only() {
    let kitchen = kitchen().await;
    assert_eq!(
        kitchen.ok("pimento password --for root@db01.contoso.com"),
        format!("{SECRET}\n")
    );
    for (account, code) in [
        ("root@db02.contoso.com", 4),
        ("admin@db01.contoso.com", 4),
        ("db01.contoso.com", 2),
        ("@db01.contoso.com", 2),
        ("root@", 2),
    ] {
        let refused = kitchen.run(&format!("pimento password --for {account}"));
        assert_eq!(refused.status.code(), Some(code), "{account}");
        assert!(refused.stdout.is_empty(), "{account}");
    }
    assert_eq!(kitchen.recorded("released").len(), 1);
}
