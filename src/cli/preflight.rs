//! `pimento preflight`: what a login will need is there before ssh connects.
//!
//! Made for `Match … exec` of ssh_config(5), which ssh also runs when it only reads its
//! configuration. What never happens here: a word on stdout, or a window opened for an ssh that is
//! not going to log in.

use super::output::Output;
use super::person::Person;
use super::{Failure, connect, window};
use crate::config::Paths;
use crate::control::proto::PreflightRequest;
use crate::refusal::ExitCode;
use crate::requester::ssh_client::{self, Purpose};

/// The login that is to come, as `%n %h %r %p` of ssh_config(5) tell it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The host, as it was typed (%n)
    host: String,
    /// The host, as ssh resolved it (%h)
    hostname: Option<String>,
    /// The account there (%r)
    user: Option<String>,
    /// The port (%p); no password or key depends on it
    port: Option<String>,
    /// The justification that PIM records
    #[arg(long)]
    reason: Option<String>,
    /// The ticket that PIM records
    #[arg(long, value_name = "SYSTEM:NUMBER")]
    ticket: Option<String>,
}

/// Opens and fetches what the login needs; does nothing where nothing is known of its host.
pub(super) async fn preflight(
    paths: &Paths,
    output: &Output,
    args: Args,
) -> Result<ExitCode, Failure> {
    match ssh_client::above() {
        Some(Purpose::Login) => {}
        // Silent: whoever only reads the configuration may show stderr to nobody, or to everybody.
        Some(Purpose::Other) => return Ok(ExitCode::Done),
        None if runs_unseen() => {
            output.hint(
                "pimento: nothing was opened before the login, since the ssh that asks for it \
                 cannot be seen: it may only read its configuration",
            );
            return Ok(ExitCode::Done);
        }
        None => {}
    }
    let mut person = Person::new(args.reason, args.ticket.as_deref(), output)?;
    let mut hosts = vec![args.host];
    hosts.extend(args.hostname.filter(|name| !hosts.contains(name)));
    let user = args.user.unwrap_or_default();
    let agent = connect(paths).await?;
    let call = |said| async {
        let request = PreflightRequest {
            hosts: hosts.clone(),
            user: user.clone(),
            said: Some(said),
        };
        let events = agent.clone().preflight(request).await?.into_inner();
        window::opened(output, events).await
    };
    person.makes(output, call).await?;
    Ok(ExitCode::Done)
}

/// Whether this process was started as `Match exec` starts programs: by nobody who could type to it
/// or reads from it. Without an ssh in sight, that may be one under another name, or on a system
/// that does not show the processes above; a person or a script looks different.
#[cfg(unix)]
fn runs_unseen() -> bool {
    use std::os::unix::fs::MetadataExt;

    let device = |of: std::io::Result<std::fs::Metadata>| of.map(|of| of.rdev()).ok();
    let of_stream = |stream: rustix::fd::BorrowedFd<'_>| {
        let file = stream.try_clone_to_owned().map(std::fs::File::from);
        device(file.and_then(|file| file.metadata()))
    };
    let null = device(std::fs::metadata("/dev/null"));
    let is_null = |stream| null.is_some() && of_stream(stream) == null;
    is_null(rustix::stdio::stdin()) && is_null(rustix::stdio::stdout())
}

/// Elsewhere nothing tells the two apart.
#[cfg(not(unix))]
fn runs_unseen() -> bool {
    true
}
