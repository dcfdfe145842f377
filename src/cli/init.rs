//! `pimento init`: from a tenant's name to a configuration that works.
//!
//! Enters: options, and what the person chooses on the terminal. Leaves: a new configuration file,
//! and what the shell and ssh have to know. What never happens here: a file written over; a question
//! where nobody sits: there, every choice has an option.

use std::sync::Arc;

use serde_json::json;

use super::agent::in_this_shell;
use super::output::{self, Output, counted};
use super::{Failure, runtime, sign_in, ssh_config};
use crate::catalog::{Keep, SignInMethod};
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError, Paths};
use crate::harden::harden;
use crate::refusal::{ExitCode, Refusal};
use crate::setup::{self, Draft, Setup, SetupError, TenantDraft};

use args::Args as Options;
pub(super) use args::Args;
use choice::Person;

mod args;
mod choice;
mod contents;
mod windows;

/// Makes a configuration.
pub(super) fn run(args: Args, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    // Keys are looked at in this process.
    harden()
        .map_err(|error| Failure::failed(format!("the process cannot be hardened: {error}")))?;
    output::logs();
    if !args.print && paths.config.exists() {
        return Err(configured(paths));
    }
    let runtime = runtime(tokio::runtime::Builder::new_multi_thread())?;
    runtime.block_on(async {
        let init = Init::begin(args, paths, output).await?;
        init.run().await
    })
}

/// A configuration in the making, and who makes it.
struct Init<'a> {
    args: Options,
    paths: &'a Paths,
    output: &'a Output,
    person: Person,
    setup: Setup,
    draft: Draft,
    /// What was left out, and why.
    skipped: Vec<(String, String)>,
}

impl<'a> Init<'a> {
    async fn begin(
        mut args: Options,
        paths: &'a Paths,
        output: &'a Output,
    ) -> Result<Self, Failure> {
        let person = Person::new(output);
        if args.tenant.is_none() {
            let question =
                "Your tenant (a domain of it, such as contoso.onmicrosoft.com, or its id): ";
            args.tenant = Some(person.line(question, "the tenant", "pimento init TENANT")?);
        }
        let draft = Draft {
            tenant: args.tenant()?,
            ..Draft::default()
        };
        let setup = Setup::begin(&draft, paths, Arc::new(SystemClock)).map_err(unmade)?;
        let init = Self {
            args,
            paths,
            output,
            person,
            setup,
            draft,
            skipped: Vec::new(),
        };
        let account = init.setup.sign_in(&sign_in::Guide(output)).await?;
        let (tenant, user) = (&init.draft.tenant.name, account.user_name);
        output.hint(&format!("signed in to {tenant} as {user}"));
        Ok(init)
    }

    async fn run(mut self) -> Result<ExitCode, Failure> {
        let chosen = self.choose_windows().await?;
        let looked = self.look(&chosen).await;
        let ended = self.setup.end().await;
        looked?;
        ended?;
        self.finish()
    }

    /// Writes what was found, and tells what is next.
    fn finish(self) -> Result<ExitCode, Failure> {
        let text = self.draft.text();
        let config = Config::proposed(&text, self.paths).map_err(invalid)?;
        if self.args.print {
            self.output
                .result(text.trim_end(), &json!({"config": text}));
            return Ok(ExitCode::Done);
        }
        let file = &self.paths.config;
        setup::write(file, &text).map_err(|error| {
            let message = format!("{} cannot be written: {error}", file.display());
            let advice = "make its folder writable, or name another file with --config";
            Failure::new("failed", ExitCode::Failed, message, advice)
        })?;
        let made = ssh_config::Text::of(&config, self.paths, &[])?;
        made.write_keys()?;
        self.tell(&made);
        Ok(ExitCode::Done)
    }

    fn tell(&self, made: &ssh_config::Text<'_>) {
        let draft = &self.draft;
        let shell = in_this_shell(&self.paths.agent_socket());
        let login = match signs_in_anew(&draft.tenant) {
            Some(why) => format!("\n# {why}:\npimento login {}", draft.tenant.name),
            None => String::new(),
        };
        let text = format!(
            "wrote {}: {}, {}, {}\n\n\
             # Start the agent, and have this shell use it:\n\
             pimento agent &\n{shell}{login}\n\n{}",
            self.paths.config.display(),
            counted(draft.windows.len(), "window"),
            counted(draft.keys.len(), "key"),
            counted(draft.passwords.len(), "password"),
            made.text.trim_end(),
        );
        let names = |names: &mut dyn Iterator<Item = &String>| names.cloned().collect::<Vec<_>>();
        let skipped = self
            .skipped
            .iter()
            .map(|(name, why)| json!({"name": name, "why": why}));
        let value = json!({
            "config": self.paths.config,
            "windows": names(&mut draft.windows.iter().map(|it| &it.name)),
            "vaults": names(&mut draft.vaults.iter().map(|it| &it.name)),
            "keys": names(&mut draft.keys.iter().map(|it| &it.name)),
            "passwords": names(&mut draft.passwords.iter().map(|it| &it.name)),
            "skipped": skipped.collect::<Vec<_>>(),
            "shell": shell,
            "ssh_config": made.text,
        });
        self.output.result(&text, &value);
    }

    /// Leaves something out, and says so.
    fn skip(&mut self, name: &str, why: String) {
        self.output.progress_ends();
        self.output.hint(&format!("left out {name}: {why}"));
        self.skipped.push((name.to_owned(), why));
    }
}

/// Why somebody has to sign in again, for the agent: it is another process.
fn signs_in_anew(tenant: &TenantDraft) -> Option<&'static str> {
    let methods = [SignInMethod::Browser, SignInMethod::DeviceCode];
    let interactive = tenant.sign_in.is_some_and(|it| methods.contains(&it));
    interactive.then_some(match tenant.keep {
        Keep::Memory => "The agent has a sign-in of its own, once it runs",
        Keep::Keystore => {
            "Where the keystore was locked, it has kept nothing, and the agent has to sign in"
        }
    })
}

fn configured(paths: &Paths) -> Failure {
    Failure::new(
        "configured",
        ExitCode::Usage,
        format!(
            "{} exists already, and nothing is written over",
            paths.config.display()
        ),
        "`pimento init --print` shows what it would say, for you to copy from; `pimento sync` brings \
         public keys up to date; another file is named with --config",
    )
}

fn unmade(error: SetupError) -> Failure {
    match error {
        SetupError::Config(error) => invalid(error),
        SetupError::Start(error) => Failure::failed(error.to_string()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn invalid(error: ConfigError) -> Failure {
    Failure::new("config", ExitCode::Usage, error.to_string(), "")
}

/// A refusal together with what it means for a person.
fn told(refusal: &Refusal) -> String {
    match refusal.advice() {
        advice if advice.is_empty() => refusal.to_string(),
        advice => format!("{refusal}; {advice}"),
    }
}
