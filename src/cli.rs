//! The command line. Knows the control API and where the configuration is, and nothing else.
//!
//! Results go to stdout, everything else to stderr; with `--json`, results are one JSON value
//! (docs/cli.md). What never happens here: a secret printed to a terminal that nobody asked to
//! reveal, or a secret with anything else beside it on stdout.

use std::path::PathBuf;
use std::process::ExitCode as Exit;

use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{Overrides, Paths};
use crate::control::proto;
use crate::refusal::ExitCode;

use output::Output;
use person::Person;

mod agent;
mod alias;
mod ansible;
mod askpass;
mod docker;
mod git;
mod input;
mod output;
mod password;
mod person;
mod show;
mod sign_in;
mod ssh_agent;
mod window;

pub use askpass::main as askpass;

/// Just-in-time keys and passwords from Entra PIM and Azure Key Vault, for ssh, git and sudo
#[derive(Debug, Parser)]
#[command(name = "pimento", version, about, max_term_width = 100)]
struct Cli {
    /// Use this configuration file [default: $XDG_CONFIG_HOME/pimento/config.toml]
    #[arg(long, global = true, value_name = "FILE", env = "PIMENTO_CONFIG")]
    config: Option<PathBuf>,
    /// Use the sockets in this folder [default: $XDG_RUNTIME_DIR/pimento]
    #[arg(long, global = true, value_name = "DIR", env = "PIMENTO_RUNTIME_DIR")]
    runtime_dir: Option<PathBuf>,
    /// Keep the audit record under this folder [default: $XDG_STATE_HOME/pimento]
    #[arg(long, global = true, value_name = "DIR", env = "PIMENTO_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Print results as JSON (docs/cli.md)
    #[arg(long, global = true)]
    json: bool,
    /// No progress and no hints on stderr; errors are still told
    #[arg(long, short, global = true)]
    quiet: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the agent in the foreground
    Agent,
    /// Hold keys that are added, with the command line of OpenSSH's ssh-agent
    SshAgent(ssh_agent::Args),
    /// Who is signed in, which windows are open, what is held (the default)
    Status {
        /// Show it again whenever something changes
        #[arg(long)]
        watch: bool,
    },
    /// Sign in to a tenant
    Login {
        /// The tenant; may be left out if there is one only
        tenant: Option<String>,
        /// In the browser
        #[arg(long, conflicts_with = "device_code")]
        browser: bool,
        /// With a code that is typed on another device
        #[arg(long)]
        device_code: bool,
    },
    /// Forget a sign-in, and wipe what was opened with it
    Logout {
        /// The tenant; may be left out if there is one only
        tenant: Option<String>,
    },
    /// Open a window now, before it is needed
    Open {
        /// The window
        window: String,
        /// The justification that PIM records
        #[arg(long)]
        reason: Option<String>,
        /// The ticket that PIM records
        #[arg(long, value_name = "SYSTEM:NUMBER")]
        ticket: Option<String>,
        /// For how long, such as 30m
        #[arg(long, value_name = "SPAN")]
        duration: Option<jiff::SignedDuration>,
    },
    /// Wipe a window here, and end it at PIM
    Close {
        /// The window
        #[arg(required_unless_present = "all")]
        window: Option<String>,
        /// Every window
        #[arg(long, conflicts_with = "window")]
        all: bool,
    },
    /// The configured keys and passwords; asks nobody
    Keys,
    /// Reveal a password: alone on stdout, followed by a line break
    Password {
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
        /// The justification that PIM records
        #[arg(long)]
        reason: Option<String>,
        /// The ticket that PIM records
        #[arg(long, value_name = "SYSTEM:NUMBER")]
        ticket: Option<String>,
    },
    /// Wipe everything and refuse until unlocked
    Lock {
        /// Unlock
        #[arg(long)]
        off: bool,
    },
    /// Answer a prompt of sudo or ssh (what SUDO_ASKPASS and SSH_ASKPASS run)
    Askpass {
        /// The prompt
        prompt: String,
    },
    /// Be git's credential helper (git config credential.helper pimento)
    GitCredential {
        /// get, store or erase
        operation: String,
    },
    /// Be docker's credential helper ("credHelpers": {"HOST": "pimento"})
    DockerCredential {
        /// What docker calls for
        operation: docker::Operation,
    },
    /// Be a client script of Ansible Vault (--vault-id NAME@pimento-client)
    AnsibleVaultClient {
        /// The name of a password
        #[arg(long)]
        vault_id: String,
    },
    /// Why the last requests were refused, and what to do
    Why {
        /// How many
        #[arg(long, default_value_t = 1)]
        last: u32,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// See pimento work, without Azure and without root
    #[cfg(feature = "emulator")]
    Demo(crate::demo::Args),
    /// Run an emulator of Entra, PIM and Key Vault (docs/emulator.md)
    #[cfg(feature = "emulator")]
    Emulator(crate::emulator::Args),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> Exit {
    if alias::is_askpass() {
        return askpass();
    }
    let cli = Cli::parse_from(alias::arguments());
    let output = Output::new(cli.json, cli.quiet);
    let outcome = run(cli, &output);
    end(outcome, &output)
}

/// Tells a failure, and gives the exit code.
fn end(outcome: Result<ExitCode, Failure>, output: &Output) -> Exit {
    match outcome {
        Ok(code) => code.into(),
        Err(failure) => {
            output.failure(&failure.0);
            Exit::from(u8::try_from(failure.0.exit_code).unwrap_or(1))
        }
    }
}

/// Why a command failed: a refusal, as it crosses the socket.
struct Failure(proto::Refusal);

impl Failure {
    fn new(code: &str, exit: ExitCode, message: impl Into<String>, advice: &str) -> Self {
        Self(proto::Refusal {
            code: code.to_owned(),
            message: message.into(),
            advice: advice.to_owned(),
            exit_code: exit as u32,
            needed: None,
        })
    }

    fn failed(message: impl Into<String>) -> Self {
        Self::new("failed", ExitCode::Failed, message, "")
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self(crate::control::convert::refusal(&status))
    }
}

fn run(cli: Cli, output: &Output) -> Result<ExitCode, Failure> {
    let overrides = Overrides {
        config: cli.config,
        runtime: cli.runtime_dir,
        state: cli.state_dir,
    };
    let verb = cli.verb.unwrap_or(Verb::Status { watch: false });
    match verb {
        Verb::Completions { shell } => {
            output.completions(shell, &mut Cli::command());
            return Ok(ExitCode::Done);
        }
        Verb::SshAgent(args) => return ssh_agent::run(args),
        #[cfg(feature = "emulator")]
        Verb::Emulator(args) => return emulator(args),
        #[cfg(feature = "emulator")]
        Verb::Demo(args) => return demo(args, output),
        _ => {}
    }
    let paths = Paths::from_environment(overrides)
        .map_err(|error| Failure::new("paths", ExitCode::Failed, error.to_string(), ""))?;
    if matches!(verb, Verb::Agent) {
        return agent::run(&paths, output);
    }
    let runtime = runtime(tokio::runtime::Builder::new_current_thread())?;
    runtime.block_on(ask(verb, &paths, output))
}

/// The verbs that ask a running agent.
async fn ask(verb: Verb, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let agent = || connect(paths);
    match verb {
        Verb::Status { watch } => show::status(agent().await?, output, watch).await,
        Verb::Keys => show::keys(agent().await?, output).await,
        Verb::Why { last } => show::why(agent().await?, output, last).await,
        Verb::Login {
            tenant,
            browser,
            device_code,
        } => {
            let method = sign_in::method(browser, device_code);
            sign_in::login(agent().await?, output, tenant.unwrap_or_default(), method).await
        }
        Verb::Logout { tenant } => {
            sign_in::logout(agent().await?, output, tenant.unwrap_or_default()).await
        }
        Verb::Open {
            window,
            reason,
            ticket,
            duration,
        } => {
            let request = window::request(window, duration)?;
            let person = Person::new(reason, ticket.as_deref(), output)?;
            window::open(agent().await?, output, request, person).await
        }
        Verb::Close { window, .. } => {
            window::close(agent().await?, output, window.unwrap_or_default()).await
        }
        Verb::Lock { off } => window::lock(agent().await?, output, off).await,
        Verb::Password {
            name,
            account,
            reveal,
            previous,
            reason,
            ticket,
        } => {
            password::may_print(output, reveal)?;
            let person = Person::new(reason, ticket.as_deref(), output)?;
            let agent = agent().await?;
            let name = match account {
                Some(account) => password::of(&agent, &account).await?,
                None => name.unwrap_or_default(),
            };
            let wanted = password::Wanted { name, previous };
            password::password(agent, output, wanted, person).await
        }
        Verb::GitCredential { operation } => git::run(paths, output, &operation).await,
        Verb::DockerCredential { operation } => docker::run(paths, output, operation).await,
        Verb::AnsibleVaultClient { vault_id } => {
            ansible::vault_client(agent().await?, output, vault_id).await
        }
        Verb::Askpass { prompt } => askpass::answer(agent().await?, output, prompt).await,
        // The others need no agent and were run before.
        _ => Ok(ExitCode::Done),
    }
}

type Agent = proto::control_client::ControlClient<tonic::transport::Channel>;

async fn connect(paths: &Paths) -> Result<Agent, Failure> {
    crate::control::client::connect(&paths.control_socket()).await.map_err(|absent| {
        let advice = if paths.config.exists() {
            "start it with `pimento agent`"
        } else {
            "to see pimento work without Azure, run `pimento demo`; to set it up for your tenant, \
             follow docs/azure-setup.md, then start it with `pimento agent`"
        };
        Failure::new("no_agent", ExitCode::NoAgent, absent.to_string(), advice)
    })
}

fn runtime(mut builder: tokio::runtime::Builder) -> Result<tokio::runtime::Runtime, Failure> {
    builder
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(error.to_string()))
}

#[cfg(feature = "emulator")]
fn emulator(args: crate::emulator::Args) -> Result<ExitCode, Failure> {
    output::logs();
    let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
    runtime
        .block_on(crate::emulator::run(args))
        .map_err(Failure::failed)?;
    Ok(ExitCode::Done)
}

#[cfg(feature = "emulator")]
fn demo(args: crate::demo::Args, output: &Output) -> Result<ExitCode, Failure> {
    output::logs();
    let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
    runtime
        .block_on(crate::demo::run(args, output.is_json()))
        .map_err(Failure::failed)?;
    Ok(ExitCode::Done)
}
