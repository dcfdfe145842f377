//! `pimento ca`: what hosts have to know of an authority, and certificates for hosts.
//!
//! Enters: the configuration; a host's public key. Leaves: lines for OpenSSH's files, certificates.
//! What never happens here: a private key.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use serde_json::json;
use ssh_key::{HashAlg, PublicKey};

use super::output::Output;
use super::person::Person;
use super::{Agent, Failure, connect, load};
use crate::catalog::{AuthoritySpec, Catalog, Certifies, Name, nearest};
use crate::certify::is_host_name;
use crate::config::Paths;
use crate::control::proto::certify_host_event::Event;
use crate::control::proto::{CertifyHostEvent, CertifyHostRequest};
use crate::file::{self, Readers};
use crate::refusal::ExitCode;

/// What to do with an authority.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Ca {
    /// Print its public key, as TrustedUserCAKeys and known_hosts take it; asks nobody
    PublicKey {
        /// The authority; may be left out if there is one only
        name: Option<String>,
        /// For known_hosts: the hosts that it certifies, as patterns
        #[arg(long, value_name = "PATTERN", num_args = 1.., value_delimiter = ',')]
        hosts: Vec<String>,
    },
    /// Certify the key of a host
    SignHost(SignHost),
}

/// A host that is to have a certificate.
#[derive(Debug, clap::Args)]
pub(super) struct SignHost {
    /// The host's public key, such as /etc/ssh/ssh_host_ed25519_key.pub; - reads standard input and
    /// prints the certificate
    file: PathBuf,
    /// The names of the host, without patterns
    #[arg(
        long = "name",
        value_name = "HOST",
        required = true,
        value_delimiter = ','
    )]
    names: Vec<String>,
    /// The authority; may be left out if there is only one that certifies hosts
    #[arg(long)]
    ca: Option<String>,
    /// For how long
    #[arg(long, value_name = "SPAN", default_value = "90d", value_parser = days)]
    lasts: SignedDuration,
    /// The justification that PIM records
    #[arg(long)]
    reason: Option<String>,
    /// The ticket that PIM records
    #[arg(long, value_name = "SYSTEM:NUMBER")]
    ticket: Option<String>,
}

pub(super) async fn run(ca: Ca, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    match ca {
        Ca::PublicKey { name, hosts } => public_key(paths, output, name.as_deref(), &hosts),
        Ca::SignHost(args) => sign_host(args, paths, output).await,
    }
}

fn public_key(
    paths: &Paths,
    output: &Output,
    name: Option<&str>,
    hosts: &[String],
) -> Result<ExitCode, Failure> {
    let config = load(paths)?;
    let (name, authority) = named(&config.catalog, name)?;
    let mut public = authority.public.clone();
    public.set_comment(format!("pimento ca {name}"));
    let key = line_of(&public)?;
    let line = match (authority.certifies, hosts) {
        (Certifies::Users, []) => key,
        (Certifies::Users, _) => {
            let text = format!("ca {name} certifies users, so no known_hosts is to trust it");
            let advice = "name one with certifies = \"hosts\", or leave out --hosts";
            return Err(Failure::new("usage", ExitCode::Usage, text, advice));
        }
        (Certifies::Hosts, []) => {
            output.hint(
                "pimento: for known_hosts, name the hosts that it certifies: --hosts '*.contoso.com'",
            );
            key
        }
        (Certifies::Hosts, hosts) => format!("@cert-authority {} {key}", hosts.join(",")),
    };
    let certifies = match authority.certifies {
        Certifies::Users => "users",
        Certifies::Hosts => "hosts",
    };
    let fingerprint = authority.public.fingerprint(HashAlg::Sha256).to_string();
    let value = json!({
        "ca": name.as_str(), "certifies": certifies, "line": line, "fingerprint": fingerprint,
    });
    output.result(&line, &value);
    Ok(ExitCode::Done)
}

/// The authority of that name, or the only one.
fn named<'c>(
    catalog: &'c Catalog,
    name: Option<&str>,
) -> Result<(&'c Name, &'c AuthoritySpec), Failure> {
    let all = || {
        catalog
            .authorities()
            .map(|(it, authority)| (&it.name, authority))
    };
    let names: Vec<&str> = all().map(|(name, _)| name.as_str()).collect();
    let no =
        |text: String, advice: String| Failure::new("no_match", ExitCode::NoMatch, text, &advice);
    match (name, names.as_slice()) {
        (_, []) => Err(no(
            "the configuration has no authority".to_owned(),
            "add [ca.NAME] (docs/custody.md)".to_owned(),
        )),
        (None, [_, _, ..]) => Err(no(
            "there is more than one authority".to_owned(),
            format!("name one of: {}", names.join(", ")),
        )),
        (None, _) => all().next().ok_or_else(|| Failure::failed("no authority")),
        (Some(wanted), _) => all()
            .find(|(name, _)| name.as_str() == wanted)
            .ok_or_else(|| {
                let near = nearest(wanted, names.iter().copied());
                let advice = near.map_or_else(
                    || format!("there are: {}", names.join(", ")),
                    |near| format!("did you mean {near:?}?"),
                );
                no(format!("there is no ca named {wanted:?}"), advice)
            }),
    }
}

async fn sign_host(args: SignHost, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let usage = |text: String, advice: &str| Failure::new("usage", ExitCode::Usage, text, advice);
    let odd = |name: &&String| !is_host_name(name);
    if let Some(name) = args.names.iter().find(odd) {
        let advice = "a host has its own names only: a pattern would make it every host";
        return Err(usage(format!("{name:?} is not the name of a host"), advice));
    }
    let seconds = u64::try_from(args.lasts.as_secs())
        .ok()
        .filter(|it| *it > 0);
    let seconds = seconds.ok_or_else(|| usage("--lasts is no time".to_owned(), "--lasts 90d"))?;
    let key = host_key(&args.file)?;
    let request = CertifyHostRequest {
        authority: args.ca.unwrap_or_default(),
        public_key: line_of(&key)?,
        names: args.names,
        seconds,
        said: None,
    };
    let mut person = Person::new(args.reason, args.ticket.as_deref(), output)?;
    let agent = connect(paths).await?;
    let call = |said| {
        certified(
            &agent,
            output,
            CertifyHostRequest {
                said: Some(said),
                ..request.clone()
            },
        )
    };
    let certificate = person.makes(output, call).await?;
    if args.file == Path::new("-") {
        output.result(
            &certificate,
            &json!({"certificate": certificate, "file": null}),
        );
        return Ok(ExitCode::Done);
    }
    keep(&certificate, &beside(&args.file), output)
}

/// Puts the certificate beside its key.
fn keep(certificate: &str, file: &Path, output: &Output) -> Result<ExitCode, Failure> {
    let shown = file.display();
    if let Err(error) = file::replace(
        file,
        format!("{certificate}\n").as_bytes(),
        Readers::AsBefore,
    ) {
        // It is made, and on record: it is not lost for want of a place.
        output.result(
            certificate,
            &json!({"certificate": certificate, "file": null}),
        );
        return Err(Failure::new(
            "failed",
            ExitCode::Failed,
            format!("{shown} cannot be written: {error}"),
            &format!("the certificate was printed instead: put it into {shown}"),
        ));
    }
    let text = format!("{shown}\nsshd shows it by a line of sshd_config: HostCertificate {shown}");
    output.result(&text, &json!({"certificate": certificate, "file": file}));
    Ok(ExitCode::Done)
}

/// Waits for the certificate.
async fn certified(
    agent: &Agent,
    output: &Output,
    request: CertifyHostRequest,
) -> Result<String, Failure> {
    let mut events = agent.clone().certify_host(request).await?.into_inner();
    while let Some(CertifyHostEvent { event }) = events.message().await? {
        match event {
            Some(Event::Stage(stage)) => output.progress(&stage),
            Some(Event::Notice(notice)) => output.notice(&notice),
            Some(Event::Certificate(text)) => {
                output.progress_ends();
                return Ok(text);
            }
            None => {}
        }
    }
    Err(Failure::failed("the agent ended without an answer"))
}

/// As a .pub file has it.
fn line_of(key: &PublicKey) -> Result<String, Failure> {
    key.to_openssh()
        .map_err(|error| Failure::failed(format!("the public key cannot be written: {error}")))
}

/// The public key in a file, or on standard input.
fn host_key(file: &Path) -> Result<PublicKey, Failure> {
    let mut text = String::new();
    let read = match file == Path::new("-") {
        true => std::io::stdin().take(LONGEST_KEY).read_to_string(&mut text),
        false => fs::File::open(file).and_then(|it| it.take(LONGEST_KEY).read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::failed(format!("{} cannot be read: {error}", file.display())))?;
    PublicKey::from_openssh(text.trim()).map_err(|_| {
        // Not quoted: it may be the private half.
        let text = format!("{} holds no public key of a host", file.display());
        let advice = "name the .pub file, such as /etc/ssh/ssh_host_ed25519_key.pub";
        Failure::new("usage", ExitCode::Usage, text, advice)
    })
}

/// Where ssh-keygen puts the certificate of a key.
fn beside(file: &Path) -> PathBuf {
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let stem = name.strip_suffix(".pub").unwrap_or(&name);
    file.with_file_name(format!("{stem}-cert.pub"))
}

/// A span of time; days have 24 hours.
fn days(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("{text:?} is no span of time, such as 90d or 12h");
    if let Some(days) = text.strip_suffix('d') {
        let days: i64 = days.parse().map_err(|_| wrong())?;
        let hours = days.checked_mul(24).ok_or_else(wrong)?;
        return SignedDuration::try_from_hours(hours).ok_or_else(wrong);
    }
    text.parse().map_err(|_| wrong())
}

/// Longer than any public key.
const LONGEST_KEY: u64 = 64 * 1024;
