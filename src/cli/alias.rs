//! The names that other programs call pimento by: each stands for a verb.
//!
//! A program that looks for a helper fixes the helper's name. One binary answers to all of them, as
//! a link: `ln -s pimento git-credential-pimento`.

use std::ffi::OsString;
use std::path::Path;

/// The arguments of this process; under one of these names, those of its verb.
pub(super) fn arguments() -> Vec<OsString> {
    with_verb(std::env::args_os().collect())
}

/// A program that is no link but a copy under such a name starts itself again by it, with the verb:
/// put there twice, it would start itself for ever.
fn with_verb(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let verb = arguments.first().and_then(|called| verb(called.as_ref()));
    if let Some(verb) = verb.filter(|verb| arguments.get(1).is_none_or(|first| first != verb)) {
        arguments.insert(1, verb.into());
    }
    arguments
}

/// Whether this process was started under the name of the askpass helper, which does not look at
/// its argument as a command line does: a prompt may begin with `-`.
pub(super) fn is_askpass() -> bool {
    let called = std::env::args_os().next();
    called.is_some_and(|called| name(called.as_ref()) == Some("pimento-askpass"))
}

fn verb(called: &Path) -> Option<&'static str> {
    let called = name(called)?;
    let found = VERBS.iter().find(|(name, _)| *name == called);
    found.map(|(_, verb)| *verb)
}

/// Without the folder, and `.exe`.
fn name(called: &Path) -> Option<&str> {
    let file = called.file_name()?.to_str()?;
    Some(file.strip_suffix(".exe").unwrap_or(file))
}

const VERBS: [(&str, &str); 4] = [
    // Docker fixes what stands before the last hyphen, git what stands before its name.
    ("docker-credential-pimento", "docker-credential"),
    ("git-credential-pimento", "git-credential"),
    // Ansible tells a program that takes `--vault-id` by the end of its name.
    ("pimento-client", "ansible-vault-client"),
    ("ssh-agent", "ssh-agent"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_known_by_its_name_in_whatever_folder() {
        let verb = |called: &str| verb(Path::new(called));
        assert_eq!(verb("git-credential-pimento"), Some("git-credential"));
        let docker = verb("/usr/bin/docker-credential-pimento");
        assert_eq!(docker, Some("docker-credential"));
        assert_eq!(verb("./pimento-client.exe"), Some("ansible-vault-client"));
        assert_eq!(verb("/usr/bin/ssh-agent"), Some("ssh-agent"));
    }

    #[test]
    fn the_verb_is_put_there_once() {
        let with = |arguments: &[&str]| with_verb(arguments.iter().map(OsString::from).collect());
        assert_eq!(
            with(&["/x/ssh-agent", "-s"]),
            ["/x/ssh-agent", "ssh-agent", "-s"]
        );
        assert_eq!(with(&["ssh-agent"]), ["ssh-agent", "ssh-agent"]);
        let again = ["/x/ssh-agent", "ssh-agent", "--detached"];
        assert_eq!(with(&again), again);
        assert_eq!(with(&["pimento", "status"]), ["pimento", "status"]);
    }

    #[test]
    fn any_other_name_stands_for_nothing() {
        for called in ["", "/", "pimento", "git-credential", "my-pimento-client"] {
            assert_eq!(verb(Path::new(called)), None, "{called}");
        }
    }
}
