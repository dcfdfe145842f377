//! `pimento password`.

use zeroize::Zeroizing;

use super::clip::{self, Clip};
use super::output::Output;
use super::person::Person;
use super::{Agent, Failure, connect};
use crate::config::Paths;
use crate::control::proto::password_event::Event;
use crate::control::proto::{self, KeysRequest, LookupRequest, PasswordEvent, PasswordRequest};
use crate::pattern::host_matches;
use crate::refusal::ExitCode;

/// What to reveal, and how.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name in the configuration, or pimento://VAULT/SECRET[@VERSION]
    #[arg(required_unless_present = "account")]
    name: Option<String>,
    /// The one password of this account, by its `user` and `hosts`
    #[arg(long = "for", value_name = "USER@HOST", conflicts_with = "name")]
    account: Option<String>,
    /// Show it even on a terminal
    #[arg(long)]
    reveal: bool,
    /// The version before the newest one, for a host that a rotation has not reached
    #[arg(long)]
    previous: bool,
    #[command(flatten)]
    clip: clip::Args,
    /// The justification that PIM records
    #[arg(long)]
    reason: Option<String>,
    /// The ticket that PIM records
    #[arg(long, value_name = "SYSTEM:NUMBER")]
    ticket: Option<String>,
}

pub(super) async fn run(args: Args, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let clip = args.clip.clip()?;
    may_print(output, args.reveal || clip.is_some())?;
    let person = Person::new(args.reason, args.ticket.as_deref(), output)?;
    let agent = connect(paths).await?;
    let name = match args.account {
        Some(account) => of(&agent, &account).await?,
        None => args.name.unwrap_or_default(),
    };
    let previous = args.previous;
    let wanted = Wanted {
        name,
        previous,
        file: false,
    };
    password(agent, output, wanted, person, clip).await
}

/// Refuses a terminal, before anything is opened for it.
pub(super) fn may_print(output: &Output, reveal: bool) -> Result<(), Failure> {
    if output.is_terminal() && !reveal {
        return Err(Failure::new(
            "terminal",
            ExitCode::Usage,
            "the password would stay on this terminal's screen",
            "send it to a program's standard input, or add --reveal to see it",
        ));
    }
    Ok(())
}

/// What to reveal.
#[derive(Clone)]
pub(super) struct Wanted {
    /// A name, or a reference.
    pub(super) name: String,
    pub(super) previous: bool,
    /// Whether it goes into files and nowhere else.
    pub(super) file: bool,
}

/// Reveals a password: prints it, or puts it on the clipboard.
pub(super) async fn password(
    agent: Agent,
    output: &Output,
    wanted: Wanted,
    mut person: Person,
    clip: Option<Clip>,
) -> Result<ExitCode, Failure> {
    let released = reveal(&agent, output, &wanted, &mut person).await?;
    match clip {
        Some(clip) => clip.holds(output, released).await,
        None => print(output, released),
    }
}

/// Reveals a password.
pub(super) async fn reveal(
    agent: &Agent,
    output: &Output,
    wanted: &Wanted,
    person: &mut Person,
) -> Result<Released, Failure> {
    let call = |said| async {
        let request = PasswordRequest {
            name: wanted.name.clone(),
            previous: wanted.previous,
            file: wanted.file,
            said: Some(said),
        };
        let events = agent.clone().password(request).await?.into_inner();
        released(output, events).await
    };
    person.makes(output, call).await
}

/// The name of the one password of `account` that may be revealed.
pub(super) async fn of(agent: &Agent, account: &str) -> Result<String, Failure> {
    let parts = account.rsplit_once('@');
    let (user, host) = parts
        .filter(|(user, host)| !user.is_empty() && !host.is_empty())
        .ok_or_else(|| {
            let text = format!("{account:?} is not USER@HOST");
            let advice = "for example --for root@db01.contoso.com";
            Failure::new("usage", ExitCode::Usage, text, advice)
        })?;
    let listed = agent.clone().keys(KeysRequest {}).await?.into_inner();
    let fitting = listed.credentials.into_iter();
    let mut names = fitting
        .filter(|it| fits(it, "reveal", host, user))
        .map(|it| it.name);
    let advice = "the `user`, `hosts` and `uses` of a password decide: `pimento keys --json` shows \
                  them";
    let no = |code, text| Failure::new(code, ExitCode::NoMatch, text, advice);
    match (names.next(), names.next()) {
        (Some(name), None) => Ok(name),
        (None, _) => {
            let text = format!("there is no password for {account:?} that may be revealed");
            Err(no("no_match", text))
        }
        (Some(one), Some(other)) => {
            let text = format!("more than one password fits {account:?}: {one}, {other}");
            Err(no("ambiguous", text))
        }
    }
}

/// Whether `credential` is a password for that way, and of that account; any, if `user` is empty.
pub(super) fn fits(credential: &proto::Credential, way: &str, host: &str, user: &str) -> bool {
    credential.uses.iter().any(|it| it == way)
        && host_matches(&credential.hosts, host)
        && (user.is_empty() || credential.user == user)
}

/// The password that a program's own convention for helpers asks for.
pub(super) async fn lookup(
    agent: &Agent,
    output: &Output,
    request: LookupRequest,
) -> Result<Released, Failure> {
    let call = |said| async {
        let request = LookupRequest {
            said: Some(said),
            ..request.clone()
        };
        let events = agent.clone().lookup(request).await?.into_inner();
        released(output, events).await
    };
    Person::silent(output).makes(output, call).await
}

/// A password that this process holds; wiped when dropped.
pub(super) struct Released {
    pub(super) password: Zeroizing<Vec<u8>>,
    /// What belongs to it.
    pub(super) facts: proto::Released,
}

/// Shows the progress, and takes the password.
pub(super) async fn released(
    output: &Output,
    mut events: tonic::Streaming<PasswordEvent>,
) -> Result<Released, Failure> {
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Stage(stage)) => output.progress(&stage),
            Some(Event::Notice(notice)) => output.notice(&notice),
            Some(Event::Released(mut facts)) => {
                output.progress_ends();
                for warning in &facts.warnings {
                    output.notice(warning);
                }
                let password = Zeroizing::new(std::mem::take(&mut facts.password));
                return Ok(Released { password, facts });
            }
            None => {}
        }
    }
    Err(Failure::failed("the agent ended without an answer"))
}

/// Prints the password, alone on stdout.
pub(super) fn print(output: &Output, released: Released) -> Result<ExitCode, Failure> {
    let printed = output.secret(&released.password);
    printed.map_err(|error| Failure::failed(format!("nobody reads it: {error}")))?;
    Ok(ExitCode::Done)
}
