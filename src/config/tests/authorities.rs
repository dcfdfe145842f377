//! Authorities, and keys that they certify.

use super::*;
use crate::catalog::{Certifies, Credential};

fn certified() -> String {
    format!(
        "{}\n[ca.users]\nvault = \"linux\"\nkey = \"ssh-users\"\npublic_key = \"{OTHER_KEY}\"\n\n\
         [key.ops]\ncertificate = {{ ca = \"users\", principals = [\"root\", \"ops\"] }}\n\
         hosts = [\"db*.contoso.com\"]\n",
        valid()
    )
}

fn read(text: &str) -> Vec<Arc<Credential>> {
    let config = Config::parse(text, &paths()).unwrap();
    config.catalog.iter().cloned().collect()
}

fn wrong(from: &str, to: &str) -> Problem {
    let text = certified();
    assert!(text.contains(from), "{from}");
    let mut problems = problems(&text.replacen(from, to, 1));
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

#[test]
fn a_certificate_has_the_vault_and_the_key_of_its_authority() {
    let all = read(&certified());
    let named = |name: &str| all.iter().find(|it| it.name.as_str() == name).unwrap();
    let (authority, key) = (named("users"), named("ops"));
    let Kind::Authority(users) = &authority.kind else {
        panic!("{authority:?}")
    };
    assert_eq!(users.certifies, Certifies::Users);
    let Kind::Certificate(spec) = &key.kind else {
        panic!("{key:?}")
    };
    assert_eq!(spec.authority, authority.name);
    assert_eq!(spec.public, users.public);
    assert_eq!(
        (&key.vault, &key.object),
        (&authority.vault, &authority.object)
    );
    assert_eq!(spec.principals, ["root", "ops"]);
    assert_eq!(spec.critical, []);
    assert_eq!(spec.extensions, [("permit-pty".to_owned(), String::new())]);
    assert_eq!(spec.rules.uses, [Use::Login]);
    assert_eq!(spec.rules.unbound, Permission::Refuse);
}

#[test]
fn the_options_of_a_certificate_are_those_of_openssh() {
    let terms = "principals = [\"root\"], force_command = \"/usr/bin/uptime\", \
                 source_address = [\"10.0.0.0/8\", \"2001:db8::1\"], \
                 extensions = [\"permit-X11-forwarding\", \"login@example.com=mia\"]";
    let all = read(&certified().replace("principals = [\"root\", \"ops\"]", terms));
    let spec = all.iter().find_map(|it| match &it.kind {
        Kind::Certificate(spec) => Some(spec),
        _ => None,
    });
    let spec = spec.unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        spec.critical,
        [
            pair("force-command", "/usr/bin/uptime"),
            pair("source-address", "10.0.0.0/8,2001:db8::1"),
        ]
    );
    assert_eq!(
        spec.extensions,
        [
            pair("permit-X11-forwarding", ""),
            pair("login@example.com", "mia")
        ]
    );
}

#[test]
fn a_certificate_for_nobody_is_refused() {
    for principals in ["[]", "[\"\"]", "[\"root,ops\"]"] {
        let problem = wrong("[\"root\", \"ops\"]", principals);
        assert!(problem.what.contains("principals"), "{problem}");
    }
    let problem = wrong(", principals = [\"root\", \"ops\"]", "");
    assert!(problem.what.contains("has no principals"), "{problem}");
}

#[test]
fn an_option_that_openssh_would_refuse_or_ignore_is_refused() {
    for (more, part) in [
        ("source_address = [\"db01\"]", "\"db01\""),
        ("source_address = [\"10.0.0.0/33\"]", "/33"),
        ("source_address = [\"10.0.0.0/\"]", "10.0.0.0/"),
        ("source_address = []", "no network"),
        ("force_command = \" \"", "force_command"),
        ("extensions = [\"permit-all\"]", "permit-all"),
        ("extensions = [\"permit-pty=yes\"]", "permit-pty=yes"),
        ("lifetime = \"1h\"", "lifetime"),
    ] {
        let problem = wrong("principals", &format!("{more}, principals"));
        assert!(problem.what.contains(part), "{more}: {problem}");
    }
}

#[test]
fn users_are_not_certified_by_an_authority_for_hosts_or_by_none() {
    let hosts = wrong("[ca.users]\n", "[ca.users]\ncertifies = \"hosts\"\n");
    assert!(hosts.what.contains("certifies hosts"), "{hosts}");
    let none = wrong("ca = \"users\"", "ca = \"user\"");
    assert!(none.what.contains("no ca named \"user\""), "{none}");
    assert!(none.remedy.contains("users"), "{none}");
}

#[test]
fn an_authority_is_a_key_of_a_kind_that_key_vault_has() {
    let problem = wrong(OTHER_KEY, PUBLIC_KEY);
    assert!(problem.what.contains("Ed25519"), "{problem}");
    let text = certified().replace("key = \"ssh-users\"", "secret = \"ssh-users\"");
    let told = format!("{:?}", problems(&text));
    assert!(told.contains("no field \\\"secret"), "{told}");
}

#[test]
fn a_key_with_a_certificate_has_no_vault_of_its_own_and_shares_no_name() {
    let vault = wrong("[key.ops]\n", "[key.ops]\nvault = \"linux\"\n");
    assert!(vault.what.contains("no field \"vault\""), "{vault}");
    let twice = problems(&certified().replace("[key.ops]", "[key.users]"));
    assert!(twice[0].what.contains("already configured"), "{twice:?}");
    let table = wrong(
        "certificate = { ca = \"users\", principals = [\"root\", \"ops\"] }",
        "certificate = true",
    );
    assert!(table.what.contains("not a table"), "{table}");
}
