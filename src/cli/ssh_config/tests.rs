use proptest::prelude::*;

use super::*;
use crate::catalog::testing::{key, password};

fn with_hosts(mut credential: Credential, hosts: &[&str]) -> Credential {
    credential.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    credential
}

fn named(known: &[&str], wanted: &[&str]) -> Option<String> {
    let wanted: Vec<String> = wanted.iter().map(|host| (*host).to_owned()).collect();
    match hosts(&with_hosts(key("web"), known), &wanted) {
        Hosts::Some(patterns) => Some(patterns),
        Hosts::None | Hosts::Unnamed(_) => None,
    }
}

#[test]
fn the_patterns_of_a_credential_are_those_of_its_section() {
    assert_eq!(
        named(&["web*", "!web9"], &[]).as_deref(),
        Some("web*,!web9")
    );
    assert_eq!(
        named(&["web*", "!web9"], &["web1", "web9", "db"]).as_deref(),
        Some("web1")
    );
    assert_eq!(named(&[], &["web1"]).as_deref(), Some("web1"));
}

#[test]
fn what_ssh_would_read_as_something_else_is_not_written() {
    assert_eq!(named(&[], &[]), None);
    assert_eq!(named(&["web*"], &["db"]), None);
    for pattern in ["a\"b", "a#b", "a'b", "a\\b", "a\u{7}b", "ä"] {
        assert_eq!(named(&[pattern], &[]), None, "{pattern:?}");
    }
    assert_eq!(named(&[], &["a,b"]), None);
}

#[test]
fn only_what_ssh_asks_for_has_a_section() {
    let mut signing = key("signing");
    let mut console = password("console");
    assert!(is_for_ssh(&signing) && is_for_ssh(&console));
    if let Kind::Key(key) = &mut signing.kind {
        key.rules.uses = vec![Use::Git, Use::FileSignature];
    }
    if let Kind::Password(password) = &mut console.kind {
        password.uses = vec![PasswordUse::Reveal, PasswordUse::Sudo];
    }
    assert!(!is_for_ssh(&signing) && !is_for_ssh(&console));
}

#[cfg(windows)]
#[test]
fn a_pipe_is_written_with_slashes() {
    let pipe = quoted(Path::new(r"\\.\pipe\pimento-S-1-5-21-1-2-3-1001-agent"));
    let written = "\"//./pipe/pimento-S-1-5-21-1-2-3-1001-agent\"";
    assert_eq!(pipe.ok().as_deref(), Some(written));
}

#[cfg(unix)]
#[test]
fn a_path_is_quoted_or_refused() {
    let quoted = |path: &str| quoted(Path::new(path)).ok();
    assert_eq!(quoted("/a b/100%").as_deref(), Some("\"/a b/100%%\""));
    assert!(quoted("run/agent.sock").unwrap().starts_with("\"/"));
    for path in ["/a\"b", "/a\\b", "/${HOME}/a", "/a\nb"] {
        assert_eq!(quoted(path), None, "{path:?}");
    }
}

#[test]
fn a_program_whose_path_needs_more_than_quotes_is_looked_for_instead() {
    let ours = "' preflight -- '%n' '%h' '%r' '%p'";
    let command = |path: &str| preflight(Some(Path::new(path)), None);
    assert_eq!(
        command("/opt/my bin/pimento"),
        format!("'/opt/my bin/pimento{ours}")
    );
    assert_eq!(
        command("/opt/50%/pimento"),
        format!("'/opt/50%%/pimento{ours}")
    );
    for path in ["/it's/pimento", "/a\"b/pimento", "/a\\b/pimento"] {
        assert_eq!(command(path), format!("'pimento{ours}"), "{path}");
    }
}

proptest! {
    #[test]
    fn no_name_of_a_host_leaves_its_quotes(pattern in "\\PC{1,12}", wanted: bool) {
        let (known, asked) = if wanted { (vec![], vec![&*pattern]) } else { (vec![&*pattern], vec![]) };
        if let Some(named) = named(&known, &asked) {
            prop_assert!(named.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert!(!named.contains(['"', '\'', '#', '\\', ',']), "{named:?}");
        }
    }
}
