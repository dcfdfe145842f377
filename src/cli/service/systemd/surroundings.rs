//! What a unit starts with: the folders that the user's systemd knows of, which are not those of a shell
//! that names others.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::answer;
use crate::cli::Failure;
use crate::config::{Overrides, Paths};
use crate::refusal::ExitCode;

/// Whether an agent that systemd starts uses `paths`.
///
/// # Errors
/// If it would use others: it would be another agent than the one that this shell asks.
pub(super) async fn agree(paths: &Paths) -> Result<(), Failure> {
    let environment = answer(&["show-environment"]).await?;
    let variable = |name: &str| variable(&environment, name);
    let overrides = Overrides {
        config: variable("PIMENTO_CONFIG").map(PathBuf::from),
        // The units have the sockets where they are usually, whatever the agent is told.
        runtime: None,
        state: variable("PIMENTO_STATE_DIR").map(PathBuf::from),
    };
    let theirs = Paths::in_environment(variable, overrides);
    let theirs = theirs.map_err(|error| Failure::failed(format!("your systemd: {error}")))?;
    let differing = differing(paths, &theirs);
    if differing.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        "other_folders",
        ExitCode::Failed,
        format!(
            "an agent that your systemd starts would not be the one of this shell: {}",
            differing.join("; ")
        ),
        "leave out --config, --runtime-dir and --state-dir and unset what names them here (env | grep -E \
         '^(PIMENTO|XDG)_'); or have systemd know the same, in a file of ~/.config/environment.d, and log in \
         anew; the sockets of the units are in $XDG_RUNTIME_DIR/pimento in any case",
    ))
}

/// What is somewhere else for the one than for the other.
fn differing(ours: &Paths, theirs: &Paths) -> Vec<String> {
    let each = [
        ("the configuration", &ours.config, &theirs.config),
        ("the sockets", &ours.runtime, &theirs.runtime),
        ("the record", &ours.state, &theirs.state),
    ];
    let other = each
        .into_iter()
        .filter(|(_, ours, theirs)| !same(ours, theirs));
    other
        .map(|(what, ours, theirs)| {
            let (ours, theirs) = (ours.display(), theirs.display());
            format!("{what} {ours}, there {theirs}")
        })
        .collect()
}

/// A folder may have several names.
fn same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = |path: &Path| path.canonicalize().ok();
    whole(one) == whole(other) || real(one).is_some_and(|it| Some(it) == real(other))
}

/// A variable of what `systemctl show-environment` prints, which quotes as a shell reads it.
fn variable(environment: &str, name: &str) -> Option<OsString> {
    let value = environment
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
    let quoted = value
        .strip_prefix("$'")
        .and_then(|it| it.strip_suffix('\''));
    let value = match quoted {
        Some(quoted) => quoted.replace("\\'", "'").replace("\\\\", "\\"),
        None => value.to_owned(),
    };
    Some(value.into()).filter(|value: &OsString| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(environment: &str) -> Paths {
        Paths::from_variables(|name| variable(environment, name), Overrides::default()).unwrap()
    }

    const USUAL: &str = "HOME=/home/ann\nXDG_RUNTIME_DIR=/run/user/7\nLANG=C.UTF-8";

    #[test]
    fn a_shell_with_the_folders_of_systemd_agrees_with_it() {
        assert_eq!(differing(&paths(USUAL), &paths(USUAL)), [""; 0]);
        // Named, and the same.
        let named = format!("{USUAL}\nXDG_CONFIG_HOME=/home/ann/.config");
        assert_eq!(differing(&paths(&named), &paths(USUAL)), [""; 0]);
    }

    #[test]
    fn what_is_somewhere_else_is_told_with_both_places() {
        let other = "HOME=/home/ann\nXDG_RUNTIME_DIR=/run/user/8\nXDG_CONFIG_HOME=/srv/ann\n\
                     XDG_STATE_HOME=$'/home/ann/it\\'s \\\\ here'";
        assert_eq!(
            differing(&paths(other), &paths(USUAL)),
            [
                "the configuration /srv/ann/pimento/config.toml, there \
                 /home/ann/.config/pimento/config.toml",
                "the sockets /run/user/8/pimento, there /run/user/7/pimento",
                "the record /home/ann/it's \\ here/pimento, there /home/ann/.local/state/pimento",
            ]
        );
    }
}
