//! `pimento sync`: has here what the configuration includes by address, and the public keys as the
//! vaults have them now.
//!
//! Enters: the user's files, and what the agent finds behind open windows. Leaves: a copy of each
//! catalog that was not here, once it is what was pinned; the differences; and new public keys in the
//! user's own files, once a person has said yes. What never happens here: a file that changes unseen.

use serde_json::json;

use super::output::Output;
use super::person::{Person, ask, terminal};
use super::{Agent, Failure, START, load, window};
use crate::config::{Config, Paths, repin};
use crate::control::client;
use crate::control::proto::window::State;
use crate::control::proto::{OpenRequest, PinsRequest, StatusRequest, pin};
use crate::refusal::ExitCode;

use difference::Difference;
pub(super) use include::quietly;

mod difference;
mod include;

/// What to bring up to date.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Open these windows to look at the keys behind them [default: those that are open]
    windows: Vec<String>,
    /// The justification that PIM records, if a window has to be opened
    #[arg(long)]
    reason: Option<String>,
    /// The ticket that PIM records, if a window has to be opened
    #[arg(long, value_name = "SYSTEM:NUMBER")]
    ticket: Option<String>,
    /// Write the new public keys without asking
    #[arg(long)]
    write: bool,
}

/// Fetches what is missing, compares, and writes what is agreed to.
pub(super) async fn run(args: Args, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let fetched = include::fetch(paths).await?;
    // Only now can all of it be read.
    let config = load(paths)?;
    let mut sync = Sync {
        config: &config,
        paths,
        output,
        compared: 0,
        found: Vec::new(),
        refused: Vec::new(),
    };
    sync.compare(&args).await?;
    let written = sync.write(args.write)?;
    sync.tell(&fetched, written)
}

/// What was found so far.
struct Sync<'a> {
    config: &'a Config,
    paths: &'a Paths,
    output: &'a Output,
    /// How many keys were looked at.
    compared: usize,
    found: Vec<Difference<'a>>,
    /// Keys that could not be looked at, and why.
    refused: Vec<(String, String)>,
}

impl Sync<'_> {
    /// Looks at the keys behind the windows of `args`, or behind those that are open.
    async fn compare(&mut self, args: &Args) -> Result<(), Failure> {
        let agent = match client::connect(&self.paths.control_socket()).await {
            Ok(agent) => agent,
            // Without one, catalogs can still be fetched.
            Err(_) if args.windows.is_empty() => {
                self.output.hint(
                    "pimento: no agent is running, so no public key was compared with its vault",
                );
                return Ok(());
            }
            Err(absent) => {
                let message = absent.to_string();
                return Err(Failure::new("no_agent", ExitCode::NoAgent, message, START));
            }
        };
        let windows = match args.windows.as_slice() {
            [] => self.open_ones(agent.clone()).await?,
            named => {
                for window in named {
                    self.open(agent.clone(), window, args).await?;
                }
                named.to_vec()
            }
        };
        for window in windows {
            self.look(agent.clone(), window).await?;
        }
        Ok(())
    }

    /// The windows that are open; says which are not, if there are keys behind them.
    async fn open_ones(&self, mut agent: Agent) -> Result<Vec<String>, Failure> {
        let status = agent.status(StatusRequest {}).await?.into_inner();
        let keys = || self.config.catalog.pinned();
        let is_behind = |name: &str| keys().any(|key| key.vault.window.name.as_str() == name);
        let (open, closed): (Vec<_>, Vec<_>) = status
            .windows
            .into_iter()
            .filter(|window| is_behind(&window.name))
            .partition(|window| window.state() == State::Open);
        for window in closed {
            self.output.hint(&format!(
                "pimento: window {0} is closed, so the keys behind it were not compared: `pimento sync {0}`",
                window.name
            ));
        }
        Ok(open.into_iter().map(|window| window.name).collect())
    }

    async fn open(&self, agent: Agent, name: &str, args: &Args) -> Result<(), Failure> {
        let mut person = Person::new(args.reason.clone(), args.ticket.as_deref(), self.output)?;
        let call = |said| async {
            let request = OpenRequest {
                window: name.to_owned(),
                seconds: 0,
                said: Some(said),
                extend: false,
            };
            let events = agent.clone().open(request).await?.into_inner();
            window::opened(self.output, events).await
        };
        person.makes(self.output, call).await.map(drop)
    }

    async fn look(&mut self, mut agent: Agent, window: String) -> Result<(), Failure> {
        let pins = agent.pins(PinsRequest { window }).await?.into_inner().pins;
        for pin in pins {
            let known = self.config.catalog.named(&pin.credential);
            match (pin.found, known) {
                (Some(pin::Found::PublicKey(now)), Some(credential)) => {
                    self.compared += 1;
                    self.found.extend(Difference::of(credential, &now));
                }
                (Some(pin::Found::Refusal(no)), _) => {
                    self.output
                        .hint(&format!("pimento: {}\n  {}", no.message, no.advice));
                    self.refused.push((pin.credential, no.message));
                }
                // The agent runs with another configuration than there is now.
                _ => self.output.hint(&format!(
                    "pimento: key {} is the running agent's and not in the configuration: start it again",
                    pin.credential
                )),
            }
        }
        Ok(())
    }

    /// Shows the differences; writes them if that is wanted. Tells how many were written.
    fn write(&self, at_once: bool) -> Result<usize, Failure> {
        for difference in &self.found {
            self.output.hint(&difference.shown());
        }
        let (own, others): (Vec<_>, Vec<_>) =
            self.found.iter().partition(|it| it.is_own(self.paths));
        for other in others {
            self.output.hint(&other.not_own());
        }
        if own.is_empty() || !(at_once || self.agreed(own.len())?) {
            return Ok(0);
        }
        for difference in &own {
            repin(difference.credential, &difference.now, self.paths)
                .map_err(|error| Failure::failed(error.to_string()))?;
        }
        Ok(own.len())
    }

    /// Whether the person at the terminal says yes; no is what nobody says.
    fn agreed(&self, count: usize) -> Result<bool, Failure> {
        let terminal = (!self.output.is_json()).then(terminal).flatten();
        let Some(terminal) = terminal else {
            self.output
                .hint("nothing was written: `pimento sync --write` writes it");
            return Ok(false);
        };
        let question = format!(
            "Write {}? [y/N] ",
            super::output::counted(count, "new public key")
        );
        let answer = ask(&terminal, &question)?;
        Ok(matches!(answer.as_str(), "y" | "Y" | "yes"))
    }

    fn tell(&self, fetched: &[crate::config::Pinned], written: usize) -> Result<ExitCode, Failure> {
        let left = self.found.len() - written;
        let compared = super::output::counted(self.compared, "key");
        let urls: Vec<String> = fetched.iter().map(|it| it.url.to_string()).collect();
        let mut lines: Vec<String> = urls.iter().map(|url| format!("fetched {url}")).collect();
        if lines.is_empty() {
            lines.push("all that is included is here".to_owned());
        }
        let outcome = match (self.found.len(), written) {
            (0, _) => "as the configuration has them".to_owned(),
            (_, 0) => format!("{left} differ"),
            _ => format!("{written} written; start the agent again to use them"),
        };
        if self.compared > 0 {
            lines.push(format!("{compared} compared: {outcome}"));
        }
        let refused = self.refused.iter();
        let refused = refused.map(|(key, why)| json!({"key": key, "why": why}));
        let value = json!({
            "fetched": urls,
            "compared": self.compared,
            "differ": self.found.iter().map(Difference::json).collect::<Vec<_>>(),
            "written": written,
            "refused": refused.collect::<Vec<_>>(),
        });
        self.output.result(&lines.join("\n"), &value);
        match left == 0 && self.refused.is_empty() {
            true => Ok(ExitCode::Done),
            false => Ok(ExitCode::Partly),
        }
    }
}
