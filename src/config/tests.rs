use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::document::Layer;
use super::*;
use crate::catalog::testing::PUBLIC_KEY;
use crate::catalog::{Kind, Permission, Reason, SignInMethod, Use};

mod applications;
mod authorities;
mod files;
mod hosts;
mod objects;
mod prompts;
mod targets;

const OTHER_KEY: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";

fn valid() -> String {
    format!(
        r#"[tenant.contoso]
id = "contoso.onmicrosoft.com"
client_id = "11111111-2222-3333-4444-555555555555"

[window.linux-root]
tenant = "contoso"
group = "66666666-2222-3333-4444-555555555555"
duration = "90m"
reason = "{{program}} to {{user}}@{{host}}"

[vault.linux]
url = "https://kv-linux.vault.azure.net"
window = "linux-root"

[key.web]
vault = "linux"
secret = "web-root-ssh"
public_key = "{PUBLIC_KEY}"
hosts = ["web*.contoso.com"]

[password.db01-root]
vault = "linux"
secret = "db01-root"
user = "root"
hosts = ["db01.contoso.com"]
"#
    )
}

fn paths() -> Paths {
    Paths {
        config: "/home/ann/.config/pimento/config.toml".into(),
        managed: "/nowhere/managed.toml".into(),
        runtime: "/run/user/7/pimento".into(),
        state: "/home/ann/.local/state/pimento".into(),
        cache: "/home/ann/.cache/pimento".into(),
        home: Some("/home/ann".into()),
        workload: Workload::default(),
    }
}

fn problems(text: &str) -> Vec<Problem> {
    match Config::parse(text, &paths()) {
        Err(ConfigError::Invalid(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

/// The one problem of the valid file with `from` replaced by `to`.
fn problem(from: &str, to: &str) -> Problem {
    let text = valid();
    assert!(text.contains(from), "{from}");
    let mut problems = problems(&text.replacen(from, to, 1));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

fn changed(from: &str, to: &str) -> Config {
    Config::parse(&valid().replacen(from, to, 1), &paths()).unwrap()
}

fn document(path: &str, layer: Layer, text: &str) -> Document {
    let document = Document::from_text(Path::new(path), text);
    Document { layer, ..document }
}

fn build(documents: &[Document]) -> Result<Config, ConfigError> {
    Config::build(documents, &paths(), Findings::default())
}

#[test]
fn a_valid_file_becomes_a_catalog_with_cautious_defaults() {
    let config = Config::parse(&valid(), &paths()).unwrap();
    assert_eq!(config.warnings(), []);
    assert_eq!(config.tenants[0].sign_in, SignInMethod::Browser);
    assert_eq!(config.windows[0].duration, SignedDuration::from_mins(90));
    assert_eq!(
        config.audit,
        Path::new("/home/ann/.local/state/pimento/audit")
    );
    assert_eq!(config.agent.answer_within, Duration::from_secs(60));
    assert_eq!(
        config.agent.known_hosts,
        [
            Path::new("/home/ann/.ssh/known_hosts"),
            Path::new("/etc/ssh/ssh_known_hosts")
        ]
    );
    let names: Vec<&str> = config.catalog.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["web", "db01-root"]);
    let Kind::Key(key) = &config.catalog.named("web").unwrap().kind else {
        panic!("not a key");
    };
    assert_eq!(key.rules.uses, [Use::Login]);
    assert_eq!(key.rules.unbound, Permission::Refuse);
    assert_eq!(key.rules.forwarded, Permission::Refuse);
}

#[test]
fn the_example_of_the_documents_is_valid_and_without_warnings() {
    let page = include_str!("../../docs/configuration.md");
    let (_, rest) = page.split_once("```toml example\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let config = Config::parse(example, &paths()).unwrap();
    assert_eq!(config.warnings(), []);
    assert_eq!(config.catalog.iter().count(), 2);
}

#[test]
fn a_problem_names_file_line_and_remedy() {
    let problem = problem("window = \"linux-root\"", "window = \"linux-roott\"");
    let expected = Problem {
        file: paths().config,
        line: Some(13),
        what: "there is no window named \"linux-roott\"".to_owned(),
        remedy: "did you mean \"linux-root\"?".to_owned(),
    };
    assert_eq!(problem, expected);
}

#[test]
fn all_mistakes_are_told_at_once_and_none_twice() {
    let text = valid()
        .replace(
            "group = \"66666666-2222-3333-4444-555555555555\"",
            "group = \"admins\"",
        )
        .replace("user = \"root\"", "usr = \"root\"")
        .replace("web-root-ssh", "web/root");
    let lines: Vec<Option<usize>> = problems(&text).iter().map(|it| it.line).collect();
    // The vault and the credentials behind the wrong window are not reported as well.
    assert_eq!(lines, [Some(7), Some(17), Some(24)]);
}

#[test]
fn an_unknown_field_gets_the_nearest_name() {
    let problem = problem("user = \"root\"", "usr = \"root\"");
    assert_eq!(problem.what, "password db01-root has no field \"usr\"");
    assert_eq!(problem.remedy, "did you mean user?");
}

#[test]
fn an_unknown_section_gets_the_nearest_name() {
    let problem = problem("[tenant.contoso]", "[agnet]\nx = 1\n[tenant.contoso]");
    assert_eq!(problem.line, Some(1));
    assert_eq!(problem.remedy, "did you mean agent?");
}

#[test]
fn a_pasted_private_key_is_not_quoted_and_its_owner_is_told_to_rotate() {
    for pasted in [
        "\"-----BEGIN OPENSSH PRIVATE KEY-----\\nCANARY\"",
        "-----BEGIN RSA PRIVATE KEY-----\nCANARY",
        "\"\"\"\n-----BEGIN PRIVATE KEY-----\nCANARY\n\"\"\"",
    ] {
        let problem = problem(&format!("\"{PUBLIC_KEY}\""), pasted);
        let text = problem.to_string();
        assert!(!text.contains("CANARY"), "{text}");
        assert!(text.contains("make a new one"), "{text}");
    }
}

#[test]
fn a_secret_in_the_wrong_field_is_not_quoted() {
    for (from, to) in [
        ("user = \"root\"", "password = \"CANARY/1\""),
        ("secret = \"db01-root\"", "secret = \"CANARY/1\""),
        (
            "secret = \"db01-root\"",
            "secret = \"db01-root\"\nvalue = \"CANARY/1\"",
        ),
        (&format!("\"{PUBLIC_KEY}\""), "\"CANARY/1\""),
        ("https://kv-linux", "https://ann:CANARY@kv-linux"),
    ] {
        let text = problem(from, to).to_string();
        assert!(!text.contains("CANARY"), "{text}");
    }
}

#[test]
fn an_azure_cli_sign_in_for_a_pim_group_is_explained() {
    let text = valid().replace(
        "client_id = \"11111111-2222-3333-4444-555555555555\"",
        "sign_in = \"azure-cli\"",
    );
    let problems = problems(&text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].what.contains("AADSTS65002"), "{}", problems[0]);
    assert!(problems[0].remedy.contains("sign_in = \"browser\""));
}

#[test]
fn a_browser_sign_in_needs_a_client_id() {
    let problem = problem("client_id = \"11111111-2222-3333-4444-555555555555\"\n", "");
    assert!(problem.remedy.contains("docs/azure-setup.md"), "{problem}");
}

#[test]
fn spans_of_time_are_friendly_or_iso_and_bounded() {
    for (text, minutes) in [("1h 30m", 90), ("PT2H", 120), ("8 hours", 480), ("300s", 5)] {
        let config = changed("90m", text);
        assert_eq!(
            config.windows[0].duration,
            SignedDuration::from_mins(minutes)
        );
    }
    for bad in ["90", "1 fortnight", "25h", "-1h", "0s", ""] {
        let problem = problem("90m", bad);
        assert_eq!(problem.line, Some(8), "{bad}");
    }
}

#[test]
fn a_window_shorter_than_pim_accepts_is_a_warning() {
    let config = changed("90m", "20s");
    assert_eq!(config.warnings().len(), 1);
    assert!(config.warnings()[0].remedy.contains("5 minutes"));
}

#[test]
fn a_reason_has_known_placeholders() {
    let config = changed("{program} to {user}@{host}", "ask");
    assert_eq!(config.windows[0].reason, Reason::Ask);
    let problem = problem("{program}", "{programm}");
    assert_eq!(problem.remedy, "did you mean {program}?");
}

#[test]
fn a_public_key_that_a_vault_cannot_serve_is_refused() {
    let sk = "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAICFo/k5LU8863u66YC9eUO2170QduohPURkQnbLa/dczAAAABHNzaDo=";
    let rsa_1024 = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ";
    for (key, word) in [
        (sk, "FIDO"),
        (rsa_1024, "not an OpenSSH"),
        ("", "not an OpenSSH"),
    ] {
        let problem = problem(PUBLIC_KEY, key);
        assert!(problem.what.contains(word), "{problem}");
    }
}

#[test]
fn two_keys_with_one_public_half_are_a_mistake() {
    let again = format!(
        "[key.again]\nvault = \"linux\"\nsecret = \"s\"\npublic_key = \"{PUBLIC_KEY} comment\"\n"
    );
    let problems = problems(&(valid() + &again));
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].what.contains("web and again"),
        "{}",
        problems[0]
    );
    let other = again.replace(PUBLIC_KEY, OTHER_KEY);
    assert!(Config::parse(&(valid() + &other), &paths()).is_ok());
}

#[test]
fn keys_and_passwords_share_their_names() {
    let text = valid().replace("[password.db01-root]", "[password.web]");
    let problems = problems(&text);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].what.contains("config.toml:15"),
        "{}",
        problems[0]
    );
}

#[test]
fn hosts_that_allow_nothing_are_refused() {
    for hosts in [
        "[]",
        "[\"!web1\"]",
        "[\"a b\"]",
        "[\"a,b\"]",
        "[\"\"]",
        "\"web\"",
    ] {
        let problem = problem("[\"web*.contoso.com\"]", hosts);
        assert_eq!(problem.line, Some(19), "{hosts}");
    }
}

#[test]
fn a_file_that_is_not_toml_is_refused_with_its_line() {
    let problem = problem("[vault.linux]", "[vault.linux");
    assert_eq!(problem.line, Some(11));
    assert!(problem.what.contains("not TOML"), "{problem}");
}

#[test]
fn a_bare_field_in_a_group_of_names_is_explained() {
    let problem = problem("[vault.linux]", "[vault]\nurl = \"x\"\n[vault.linux]");
    assert!(
        problem.what.contains("holds only named tables"),
        "{problem}"
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        drop(Config::parse(&text, &paths()));
    }

    #[test]
    fn no_mutation_of_a_valid_file_makes_the_parser_panic(
        at in any::<prop::sample::Index>(),
        cut in 0usize..20,
        insert in "\\PC{0,8}",
    ) {
        let characters: Vec<char> = valid().chars().collect();
        let at = at.index(characters.len());
        let head = characters.iter().take(at);
        let tail = characters.iter().skip(at + cut);
        let text: String = head.copied().chain(insert.chars()).chain(tail.copied()).collect();
        match Config::parse(&text, &paths()) {
            Ok(_) => {}
            Err(ConfigError::Absent(path)) => prop_assert!(false, "{path:?}"),
            Err(ConfigError::Invalid(problems)) => {
                let lines = text.lines().count() + 1;
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|it| it.line.is_none_or(|line| line <= lines)));
            }
        }
    }
}
