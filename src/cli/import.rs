//! `pimento import`: a key or password from a file into a vault.
//!
//! Enters: a file or standard input, and a passphrase where a key is under one. Leaves: what was
//! stored, and the lines of the configuration that name it. What never happens here: a secret on
//! stdout, in an argument or in another file.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use serde_json::json;
use zeroize::Zeroizing;

use super::output::Output;
use super::person::{Person, ask_hidden, terminal};
use super::{Agent, Failure, connect};
use crate::config::Paths;
use crate::control::proto::import_event::Event;
use crate::control::proto::{ImportEvent, ImportRequest, Imported};
use crate::refusal::ExitCode;
use crate::setup::heading;

/// What to store, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name in the configuration, or the name that it is to have there
    name: String,
    /// The file; `-` is standard input [default: standard input, unless it is a terminal]
    file: Option<PathBuf>,
    /// The vault, as the configuration names it; where NAME is not configured
    #[arg(long)]
    vault: Option<String>,
    /// The secret in that vault; where NAME is not configured
    #[arg(long)]
    secret: Option<String>,
    /// It is a password: one line; where NAME is not configured
    #[arg(long)]
    password: bool,
    /// The file whose first line is the key's passphrase [default: asked for at the terminal]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The age at which it is to be replaced, for example 90d (the tag `rotate-after`)
    #[arg(long, value_name = "AGE")]
    rotate_after: Option<String>,
    /// Make a new version of a secret that is there
    #[arg(long)]
    replace: bool,
    /// The justification that PIM records, if a window has to be opened
    #[arg(long)]
    reason: Option<String>,
    /// The ticket that PIM records, if a window has to be opened
    #[arg(long, value_name = "SYSTEM:NUMBER")]
    ticket: Option<String>,
}

/// Stores it, and tells what was stored.
pub(super) async fn run(args: Args, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let mut person = Person::new(args.reason.clone(), args.ticket.as_deref(), output)?;
    let value = value(&args)?;
    let mut passphrase = args.passphrase_file.as_ref().map(first_line).transpose()?;
    let agent = connect(paths).await?;
    let imported = loop {
        let answer = import(
            &agent,
            &args,
            &value,
            passphrase.as_deref(),
            &mut person,
            output,
        );
        match answer.await? {
            Some(imported) => break imported,
            None => passphrase = Some(asked(&args, output)?),
        }
    };
    tell(&imported, args.password, output);
    Ok(ExitCode::Done)
}

/// Asks the agent; `None` if it needs a passphrase first.
async fn import(
    agent: &Agent,
    args: &Args,
    value: &[u8],
    passphrase: Option<&Vec<u8>>,
    person: &mut Person,
    output: &Output,
) -> Result<Option<Imported>, Failure> {
    let call = |said| async {
        let request = ImportRequest {
            name: args.name.clone(),
            vault: args.vault.clone().unwrap_or_default(),
            secret: args.secret.clone().unwrap_or_default(),
            value: value.to_vec(),
            password: args.password,
            passphrase: passphrase.cloned(),
            rotate_after: args.rotate_after.clone().unwrap_or_default(),
            replace: args.replace,
            said: Some(said),
        };
        let events = agent.clone().import(request).await?.into_inner();
        watched(output, events).await
    };
    person.makes(output, call).await
}

async fn watched(
    output: &Output,
    mut events: tonic::Streaming<ImportEvent>,
) -> Result<Option<Imported>, Failure> {
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Stage(stage)) => output.progress(&stage),
            Some(Event::Notice(notice)) => output.notice(&notice),
            Some(Event::PassphraseNeeded(_)) => return Ok(None),
            Some(Event::Imported(imported)) => {
                output.progress_ends();
                return Ok(Some(imported));
            }
            None => {}
        }
    }
    Err(Failure::failed("the agent ended without an answer"))
}

/// What is to be stored.
fn value(args: &Args) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let file = args.file.as_ref().filter(|it| it.as_os_str() != "-");
    match file {
        Some(path) => {
            let read = File::open(path).and_then(all);
            read.map_err(|error| {
                Failure::failed(format!("cannot read {}: {error}", path.display()))
            })
        }
        None if args.file.is_none() && std::io::stdin().is_terminal() => Err(Failure::new(
            "usage",
            ExitCode::Usage,
            "there is nothing to store: standard input is a terminal",
            "name a file, or send it to standard input",
        )),
        None => all(std::io::stdin())
            .map_err(|error| Failure::failed(format!("cannot read standard input: {error}"))),
    }
}

/// All of it, in a buffer that is wiped and was never grown.
fn all(from: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut input = Zeroizing::new(Vec::with_capacity(MOST + 1));
    from.take(MOST as u64 + 1).read_to_end(&mut input)?;
    if input.len() > MOST {
        return Err(std::io::Error::other("it is longer than a vault takes"));
    }
    Ok(input)
}

fn first_line(path: &PathBuf) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let read = File::open(path).and_then(all);
    let mut text =
        read.map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
    let end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    if let Some(end) = end {
        text.truncate(end);
    }
    Ok(text)
}

/// The passphrase, from whoever sits at the terminal.
fn asked(args: &Args, output: &Output) -> Result<Zeroizing<Vec<u8>>, Failure> {
    output.progress_ends();
    let terminal = (!output.is_json()).then(terminal).flatten();
    let terminal = terminal.ok_or_else(|| {
        Failure::new(
            "passphrase",
            ExitCode::Usage,
            format!(
                "nothing was stored as {}: the key is encrypted with a passphrase",
                args.name
            ),
            "give it with --passphrase-file, or run this at a terminal",
        )
    })?;
    ask_hidden(&terminal, &format!("Passphrase of {}: ", args.name))
}

fn tell(imported: &Imported, password: bool, output: &Output) {
    for repair in &imported.repairs {
        output.hint(&format!("pimento: mended or odd: {repair}"));
    }
    let Imported {
        name,
        vault,
        secret,
        version,
        ..
    } = imported;
    let mut lines = vec![format!(
        "stored {name} as secret {secret} in vault {vault}, version {version}, and read it back"
    )];
    if !imported.configured {
        lines.push(configuration(imported, password));
    }
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let value = json!({
        "name": name, "vault": vault, "secret": secret, "version": version,
        "public_key": given(&imported.public_key), "fingerprint": given(&imported.fingerprint),
        "repairs": imported.repairs, "configured": imported.configured, "id": imported.id,
    });
    output.result(&lines.join("\n"), &value);
    if !imported.configured {
        output.hint(
            "pimento: once these lines are in the configuration, start the agent again to use them",
        );
    }
}

/// The lines that name it.
fn configuration(imported: &Imported, password: bool) -> String {
    let Imported {
        name,
        vault,
        secret,
        public_key,
        ..
    } = imported;
    let place = format!("vault = \"{vault}\"\nsecret = \"{secret}\"");
    // An empty list would be a mistake.
    let hosts = "# hosts = [\"…\"]  which it is for";
    match password {
        true => format!(
            "\n{}\n{place}\nuser = \"root\"  # whose it is\n{hosts}",
            heading("password", name)
        ),
        false => format!(
            "\n{}\n{place}\npublic_key = \"{public_key}\"\n{hosts}",
            heading("key", name)
        ),
    }
}

/// Key Vault's own limit for the value of a secret.
const MOST: usize = 25 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_to_paste_are_one_table_whatever_the_name() {
        for name in ["web", "web.root"] {
            let imported = Imported {
                name: name.to_owned(),
                vault: "linux".to_owned(),
                secret: "web-ssh".to_owned(),
                public_key: "ssh-ed25519 AAAA".to_owned(),
                ..Imported::default()
            };
            for (password, noun) in [(true, "password"), (false, "key")] {
                let text = configuration(&imported, password);
                let table: toml::Table = text.parse().unwrap();
                let entry = table[noun][name].as_table().unwrap();
                assert_eq!(entry["secret"].as_str(), Some("web-ssh"));
                // An empty list would be a mistake.
                assert!(!entry.contains_key("hosts"), "{text}");
            }
        }
    }
}
