//! `pimento ssh-config`: what ssh has to know of the catalog, as ssh_config(5) writes it.
//!
//! Enters: the configuration. Leaves: text for an `Include`, and the *public* keys as files, where
//! that is asked for. What never happens here: a question to the agent or the cloud, or a pattern
//! that ssh would read as something else.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::output::Output;
use super::{Failure, load};
use crate::catalog::{Credential, KeySpec, Kind, PasswordUse, Use};
use crate::config::{Config, Overrides, Paths};
use crate::pattern::host_matches;
use crate::refusal::ExitCode;

use public_keys::PublicKeys;

mod public_keys;

/// For which hosts.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// For these hosts only, instead of for all that the configuration names
    #[arg(long, value_name = "HOST", num_args = 1.., value_delimiter = ',')]
    hosts: Vec<String>,
    /// Write the public keys to the files that it names
    #[arg(long)]
    write_keys: bool,
}

/// Prints the text.
pub(super) fn print(paths: &Paths, output: &Output, args: &Args) -> Result<ExitCode, Failure> {
    let config = load(paths)?;
    let made = Text::of(&config, paths, &args.hosts)?;
    if args.write_keys {
        made.write_keys()?;
    } else if made.is_outdated() {
        output.hint(
            "pimento: some of the public keys that it names are not written yet, and ssh would \
             find no key: `pimento ssh-config --write-keys` writes them",
        );
    }
    let files: Vec<PathBuf> = made.files().collect();
    let value = json!({"ssh_config": made.text, "public_keys": files});
    output.result(made.text.trim_end(), &value);
    Ok(ExitCode::Done)
}

/// What ssh has to know, and the keys that it names.
pub(super) struct Text<'c> {
    pub(super) text: String,
    folder: PublicKeys,
    keys: Vec<(&'c Credential, &'c KeySpec)>,
}

impl<'c> Text<'c> {
    /// For `wanted` hosts, or for all that `config` names.
    pub(super) fn of(
        config: &'c Config,
        paths: &Paths,
        wanted: &[String],
    ) -> Result<Self, Failure> {
        let program = std::env::current_exe().ok();
        let places = Places {
            agent: quoted(&paths.agent_socket())?,
            preflight: preflight(program.as_deref(), elsewhere(paths)?.as_deref()),
            askpass: program.map(|program| program.with_file_name("pimento-askpass")),
            public_keys: PublicKeys::below(&paths.state),
            certified: config.catalog.certificates().next().is_some(),
        };
        let mut text = places.head();
        let (mut keys, mut opened) = (Vec::new(), Vec::new());
        for credential in config.catalog.iter().filter(|it| is_for_ssh(it)) {
            match hosts(credential, wanted) {
                Hosts::None => {}
                Hosts::Unnamed(why) => {
                    text.push_str(&format!("\n# {} {why}\n", noun(credential)));
                }
                Hosts::Some(patterns) => {
                    text.push_str(&places.section(credential, &patterns)?);
                    if let Kind::Key(key) = &credential.kind {
                        keys.push((&**credential, &**key));
                    }
                    if !opened.contains(&patterns) {
                        opened.push(patterns);
                    }
                }
            }
        }
        text.push_str(&places.openings(&opened));
        Ok(Self {
            text,
            folder: places.public_keys,
            keys,
        })
    }

    /// Writes the public keys to the files that it names.
    pub(super) fn write_keys(&self) -> Result<(), Failure> {
        for (credential, key) in &self.keys {
            self.folder.write(credential, key).map_err(unwritten)?;
        }
        Ok(())
    }

    /// Whether some of those files are not what they should be.
    fn is_outdated(&self) -> bool {
        let current =
            |(credential, key): &(&Credential, &KeySpec)| self.folder.is_current(credential, key);
        !self.keys.iter().all(current)
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.keys
            .iter()
            .map(|(credential, _)| self.folder.file(credential))
    }
}

fn is_for_ssh(credential: &Credential) -> bool {
    match &credential.kind {
        Kind::Authority(_) | Kind::ClientCertificate(_) => false,
        Kind::Certificate(_) => true,
        Kind::Key(key) => key
            .rules
            .uses
            .iter()
            .any(|it| matches!(it, Use::Any | Use::Login)),
        Kind::Password(password) => password.uses.iter().any(|it| SSH.contains(it)),
    }
}

/// The hosts to name for a credential.
enum Hosts {
    /// It is for none of those that are wanted.
    None,
    /// None can be named, and why.
    Unnamed(&'static str),
    /// A list of patterns, as `Match host` takes it.
    Some(String),
}

fn hosts(credential: &Credential, wanted: &[String]) -> Hosts {
    let known = &credential.hosts;
    let fitting = |host: &&String| known.is_empty() || host_matches(known, host);
    let patterns: Vec<&String> = match wanted {
        [] => known.iter().collect(),
        wanted => wanted.iter().filter(fitting).collect(),
    };
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '#' | '\'' | ',' | '\\');
    if patterns.is_empty() && wanted.is_empty() {
        Hosts::Unnamed("is for any host: name one with `pimento ssh-config --hosts HOST`")
    } else if patterns.is_empty() {
        Hosts::None
    } else if patterns.iter().any(|it| !it.chars().all(plain)) {
        Hosts::Unnamed("is for hosts that ssh_config(5) cannot name")
    } else {
        let patterns: Vec<&str> = patterns.into_iter().map(String::as_str).collect();
        Hosts::Some(patterns.join(","))
    }
}

/// What the text refers to.
struct Places {
    agent: String,
    preflight: String,
    askpass: Option<PathBuf>,
    public_keys: PublicKeys,
    /// Whether some hosts are logged in to with a certificate.
    certified: bool,
}

impl Places {
    fn head(&self) -> String {
        let askpass = self.askpass.as_ref().map(|it| it.display().to_string());
        let askpass = askpass.unwrap_or_else(|| "pimento-askpass".to_owned());
        format!(
            "# Made by `pimento ssh-config`. Include it before anything else in ~/.ssh/config, or,\n\
             # where `HostName` gives hosts other names, below those, after a line `Match all`.\n\
             #\n\
             # To have ssh ask pimento for a password instead of you, for hosts below that have one:\n\
             #   SSH_ASKPASS={askpass} SSH_ASKPASS_REQUIRE=force ssh HOST\n\
             # Not for every ssh: a helper that refuses sends an empty password.\n"
        )
    }

    /// What ssh has to know of a credential.
    fn section(&self, credential: &Credential, hosts: &str) -> Result<String, Failure> {
        let settings = match &credential.kind {
            // ssh would have to know the certificate, which is made anew for each window: it asks
            // the agent for all that it has for this host.
            Kind::Certificate(_) => format!("    IdentityAgent {}\n", self.agent),
            // This key is offered, and no other of the agent's; but where there are certificates,
            // whatever it lists for the host, or ssh would leave them out.
            Kind::Key(_) => format!(
                "    IdentityAgent {}\n    IdentityFile {}\n{}",
                self.agent,
                quoted(&self.public_keys.file(credential))?,
                if self.certified {
                    ""
                } else {
                    "    IdentitiesOnly yes\n"
                }
            ),
            // The password goes to a known host only, and once: a helper is not told that it was
            // wrong, and a question about the host's key is one that it never answers.
            Kind::Authority(_) | Kind::ClientCertificate(_) | Kind::Password(_) => {
                "    NumberOfPasswordPrompts 1\n    StrictHostKeyChecking yes\n".to_owned()
            }
        };
        let what = noun(credential);
        Ok(format!("\n# {what}\nMatch host \"{hosts}\"\n{settings}"))
    }

    /// What a login needs is opened first; once for each list of hosts, however many credentials
    /// have it. Where that is refused, nothing more is to be asked, of a person or of a server.
    fn openings(&self, lists: &[String]) -> String {
        let opening = |hosts: &String| {
            format!(
                "\nMatch host \"{hosts}\" !exec \"{}\"\n    BatchMode yes\n    ProxyCommand false\n",
                self.preflight
            )
        };
        let openings: String = lists.iter().map(opening).collect();
        if openings.is_empty() {
            return openings;
        }
        format!("\n# Opens what a login needs; where that is refused, ssh ends here.{openings}")
    }
}

fn noun(credential: &Credential) -> String {
    format!("{} {}", credential.kind.word(), credential.name)
}

/// The command that opens what is needed. ssh expands `%`, and a shell reads the rest: nothing that
/// a name holds may end its quotes.
fn preflight(program: Option<&Path>, runtime: Option<&str>) -> String {
    let program = program.and_then(Path::to_str).filter(|text| fits(text));
    let program = program.unwrap_or("pimento").replace('%', "%%");
    let runtime = runtime.map(|folder| format!(" --runtime-dir '{}'", folder.replace('%', "%%")));
    let runtime = runtime.unwrap_or_default();
    format!("'{program}'{runtime} preflight -- '%n' '%h' '%r' '%p'")
}

/// Whether it stays one word within both kinds of quotes.
fn fits(text: &str) -> bool {
    !text.contains(['"', '\'', '\\']) && !text.contains(char::is_control)
}

/// The folder of the sockets, where it is another than the one that is looked into by itself.
fn elsewhere(paths: &Paths) -> Result<Option<String>, Failure> {
    let usual = Paths::from_environment(Overrides::default());
    if usual.is_ok_and(|usual| usual.runtime == paths.runtime) {
        return Ok(None);
    }
    let folder = std::path::absolute(&paths.runtime).unwrap_or_default();
    let text = written(&folder).filter(|text| fits(text));
    text.map(Some).ok_or_else(|| unnamed(&paths.runtime))
}

fn unnamed(path: &Path) -> Failure {
    Failure::new(
        "failed",
        ExitCode::Failed,
        format!("ssh_config(5) cannot name {}", path.display()),
        "choose other folders with --runtime-dir and --state-dir",
    )
}

/// A path as a word of ssh_config(5), in which `%` and `${` would be replaced.
fn quoted(path: &Path) -> Result<String, Failure> {
    // ssh would look for a relative one elsewhere.
    let absolute = std::path::absolute(path).unwrap_or_default();
    let text = written(&absolute).filter(|text| {
        !text.is_empty()
            && !text.contains(['"', '\\'])
            && !text.contains("${")
            && !text.contains(char::is_control)
    });
    let text = text.ok_or_else(|| unnamed(path))?;
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

#[cfg(unix)]
fn written(path: &Path) -> Option<String> {
    path.to_str().map(str::to_owned)
}

/// ssh takes backslashes for escapes (since 8.9 of Windows'), and Windows takes both slashes.
#[cfg(windows)]
fn written(path: &Path) -> Option<String> {
    Some(path.to_str()?.replace('\\', "/"))
}

fn unwritten((file, error): (PathBuf, std::io::Error)) -> Failure {
    Failure::new(
        "failed",
        ExitCode::Failed,
        format!(
            "the public key {} cannot be written: {error}",
            file.display()
        ),
        "make its folder writable, or choose another with --state-dir",
    )
}

/// The ways in which ssh asks for passwords.
const SSH: [PasswordUse; 2] = [PasswordUse::Ssh, PasswordUse::SshKeyboardInteractive];

#[cfg(test)]
mod tests;
