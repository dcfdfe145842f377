//! What pimento can be told to do, and where that is done.

use std::process::ExitCode as Exit;

use clap::{CommandFactory, Subcommand};

use super::output::Output;
use super::{
    Cli, Failure, agent, ansible, approvals, askpass, audit, ca, check, connect, docker, doctor,
    export, git, import, init, manual, password, preflight, run, runtime, service, show, sign_in,
    ssh_agent, ssh_config, stale, status, sudo, sync, watch, why, window,
};
use crate::config::{Overrides, Paths};
use crate::refusal::ExitCode;

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Make a configuration: sign in, find what you may open and which keys are there
    Init(init::Args),
    /// Run the agent in the foreground
    Agent,
    /// Have the system start the agent: install, status, uninstall
    #[command(subcommand)]
    Service(service::Service),
    /// Hold keys that are added, with the command line of OpenSSH's ssh-agent
    SshAgent(ssh_agent::Args),
    /// Who is signed in, which windows are open, what is held (the default)
    Status {
        /// Show it live, with keys to open, close, lock and approve; elsewhere than on a terminal,
        /// again whenever something changes
        #[arg(long)]
        watch: bool,
        /// The keys and passwords that expire soon, or are older than they should be
        #[arg(long, conflicts_with = "watch")]
        stale: bool,
    },
    /// Sign in to a tenant
    Login(sign_in::Args),
    /// Forget a sign-in, and wipe what was opened with it
    Logout {
        /// The tenant; may be left out if there is one only
        tenant: Option<String>,
    },
    /// Open a window now, before it is needed
    Open(window::Args),
    /// Wipe a window here and end it at PIM; take back what waits for approval
    Close {
        /// The window
        #[arg(required_unless_present = "all")]
        window: Option<String>,
        /// Every window
        #[arg(long, conflicts_with = "window")]
        all: bool,
    },
    /// What others ask you to approve, and what you say to it
    Approvals(approvals::Args),
    /// The configured keys and passwords; asks nobody
    Keys,
    /// Reveal a password: alone on stdout, followed by a line break
    Password(password::Args),
    /// Have there what a login will need, before ssh connects (for `Match exec` of ssh_config)
    Preflight(preflight::Args),
    /// Print what ssh has to know of the configured hosts, for an Include of ~/.ssh/config
    SshConfig(ssh_config::Args),
    /// Look for whatever keeps keys and passwords from being used, and tell what to do about it
    Doctor(doctor::Args),
    /// The SSH authorities whose keys are in a vault: what hosts trust, and certificates for hosts
    #[command(subcommand)]
    Ca(ca::Ca),
    /// Print what an administrator has to set up, as Terraform, Bicep or a script for az; asks nobody
    Export(export::Args),
    /// Run a command with passwords in its environment, or in files that are on no disk
    ///
    /// A variable of your environment that is a reference, pimento://VAULT/SECRET[@VERSION], is
    /// replaced by the password.
    Run(run::Args),
    /// Run a command by sudo, here or on another host, with a password of a vault
    Sudo(sudo::Args),
    /// Fetch the catalogs that the configuration includes by address, and compare public keys with the
    /// vaults
    Sync(sync::Args),
    /// Write a key or password into a vault, from a file or standard input, and read it back
    ///
    /// A key is stored as OpenSSH reads it: what a form or an editor did to it is mended and told,
    /// PuTTY's format is changed to OpenSSH's, and a passphrase is taken off.
    Import(import::Args),
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
    /// What a login would be given and why not, without making it: opens nothing, asks nobody
    Check(check::Args),
    /// Read, check or hand on the record of what was asked, answered, opened and closed
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Why the last request was refused, and what to do
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
    /// Write the man pages (what packages are built with)
    #[command(hide = true)]
    Manual(manual::Args),
    /// See pimento work, without Azure and without root
    #[cfg(feature = "emulator")]
    Demo(crate::demo::Args),
    /// Run an emulator of Entra, PIM and Key Vault (docs/emulator.md)
    #[cfg(feature = "emulator")]
    Emulator(crate::emulator::Args),
}

impl Default for Verb {
    fn default() -> Self {
        Self::Status {
            watch: false,
            stale: false,
        }
    }
}

impl Verb {
    /// Does it; the exit code is that of the command that was run, if one was.
    pub(super) fn run(self, overrides: Overrides, output: &Output) -> Result<Exit, Failure> {
        match self {
            Self::Completions { shell } => {
                output.completions(shell, &mut Cli::command());
                return Ok(ExitCode::Done.into());
            }
            Self::Manual(args) => {
                return manual::write(&args, Cli::command(), output).map(Exit::from);
            }
            Self::SshAgent(args) => return ssh_agent::run(args).map(Exit::from),
            #[cfg(feature = "emulator")]
            Self::Emulator(args) => return emulator(args).map(Exit::from),
            #[cfg(feature = "emulator")]
            Self::Demo(args) => return demo(args, output).map(Exit::from),
            _ => {}
        }
        let paths = Paths::from_environment(overrides)
            .map_err(|error| Failure::new("paths", ExitCode::Failed, error.to_string(), ""))?;
        if let Self::Init(args) = self {
            return init::run(args, &paths, output).map(Exit::from);
        }
        match &self {
            Self::Agent => return agent::run(&paths, output).map(Exit::from),
            Self::SshConfig(args) => {
                return ssh_config::print(&paths, output, args).map(Exit::from);
            }
            Self::Export(args) => return export::print(&paths, output, args).map(Exit::from),
            _ => {}
        }
        let runtime = runtime(tokio::runtime::Builder::new_current_thread())?;
        let ended = runtime.block_on(self.runs(&paths, output));
        // A read of standard input that nobody needs any more would be waited for.
        runtime.shutdown_background();
        ended
    }

    /// What runs a command, and what asks a running agent.
    async fn runs(self, paths: &Paths, output: &Output) -> Result<Exit, Failure> {
        match self {
            Self::Run(args) => run::run(args, paths, output).await,
            Self::Sudo(args) => sudo::run(args, connect(paths).await?, paths, output).await,
            asks => asks.asks(paths, output).await.map(Exit::from),
        }
    }

    /// What asks a running agent.
    async fn asks(self, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
        let agent = || connect(paths);
        match self {
            Self::Service(service) => service::run(service, paths, output).await,
            Self::Status { stale: true, .. } => stale::show(agent().await?, output).await,
            Self::Status { watch: true, .. } => watch::watch(paths, output).await,
            Self::Status { .. } => status::status(agent().await?, output, false).await,
            Self::Approvals(args) => approvals::run(args, agent().await?, output).await,
            Self::Keys => show::keys(agent().await?, output).await,
            Self::Why { last } => why::why(agent().await?, output, last).await,
            Self::Audit(verb) => audit::run(verb, paths, output).await,
            Self::Check(args) => check::check(args, paths, output).await,
            Self::Login(args) => sign_in::login(agent().await?, output, args).await,
            Self::Logout { tenant } => {
                sign_in::logout(agent().await?, output, tenant.unwrap_or_default()).await
            }
            Self::Open(args) => window::open(args, paths, output).await,
            Self::Close { window, .. } => {
                window::close(agent().await?, output, window.unwrap_or_default()).await
            }
            Self::Lock { off } => window::lock(agent().await?, output, off).await,
            Self::Password(args) => password::run(args, paths, output).await,
            Self::GitCredential { operation } => git::run(paths, output, &operation).await,
            Self::DockerCredential { operation } => docker::run(paths, output, operation).await,
            Self::AnsibleVaultClient { vault_id } => {
                ansible::vault_client(agent().await?, output, vault_id).await
            }
            Self::Import(args) => import::run(args, paths, output).await,
            Self::Sync(args) => sync::run(args, paths, output).await,
            Self::Ca(ca) => ca::run(ca, paths, output).await,
            Self::Doctor(args) => doctor::examine(args, paths, output).await,
            Self::Preflight(args) => preflight::preflight(paths, output, args).await,
            Self::Askpass { prompt } => askpass::answer(agent().await?, output, prompt).await,
            // The others need no agent and were run before.
            _ => Ok(ExitCode::Done),
        }
    }
}

#[cfg(feature = "emulator")]
fn emulator(args: crate::emulator::Args) -> Result<ExitCode, Failure> {
    super::output::logs();
    let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
    runtime
        .block_on(crate::emulator::run(args))
        .map_err(Failure::failed)?;
    Ok(ExitCode::Done)
}

#[cfg(feature = "emulator")]
fn demo(args: crate::demo::Args, output: &Output) -> Result<ExitCode, Failure> {
    super::output::logs();
    let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
    runtime
        .block_on(crate::demo::run(args, output.is_json()))
        .map_err(Failure::failed)?;
    Ok(ExitCode::Done)
}
