//! What can be said beforehand.

use crate::catalog::{AzureCloud, Keep, Name, SignInMethod, Ticket};
use crate::cli::Failure;
use crate::refusal::ExitCode;
use crate::setup::TenantDraft;

/// What to set up; what is not said is asked for on the terminal.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The tenant: one of its domains, or its id
    pub(super) tenant: Option<String>,
    /// What the configuration calls it [default: the domain's first part]
    #[arg(long)]
    name: Option<String>,
    /// Your application registration, needed for PIM groups (docs/azure-setup.md)
    #[arg(long, value_name = "GUID")]
    client_id: Option<String>,
    /// browser, device-code or azure-cli [default: browser with --client-id, azure-cli without]
    #[arg(long, value_name = "METHOD", value_parser = sign_in)]
    sign_in: Option<SignInMethod>,
    /// The account to suggest on the sign-in page
    #[arg(long, value_name = "USER")]
    login_hint: Option<String>,
    /// Have the sign-in outlast the agent, in the keystore of the operating system
    #[arg(long)]
    keystore: bool,
    /// public, us-gov, us-gov-dod or china
    #[arg(long, default_value = "public", value_parser = cloud)]
    pub(super) cloud: AzureCloud,
    /// A group or an Azure role to open vaults with: its name, its id or its path; may be repeated
    #[arg(long = "window", value_name = "TARGET")]
    pub(super) windows: Vec<String>,
    /// A vault that it opens, by name or address; WINDOW=VAULT if there are more windows than one
    #[arg(long = "vault", value_name = "VAULT")]
    pub(super) vaults: Vec<String>,
    /// A secret that is a key or a password; may be repeated
    #[arg(long = "secret", value_name = "SECRET")]
    pub(super) secrets: Vec<String>,
    /// Every window and every secret that is found, unless some are named
    #[arg(long)]
    pub(super) all: bool,
    /// How long to ask PIM for, each time [default: 1h]
    #[arg(long, value_name = "SPAN")]
    pub(super) duration: Option<String>,
    /// The justification that PIM records of this opening
    #[arg(long, default_value = "setting up pimento")]
    pub(super) reason: String,
    /// The ticket that PIM records of this opening
    #[arg(long, value_name = "SYSTEM:NUMBER", value_parser = ticket)]
    pub(super) ticket: Option<Ticket>,
    /// Print the configuration, and write nothing
    #[arg(long)]
    pub(super) print: bool,
}

impl Args {
    /// The tenant that is meant.
    pub(super) fn tenant(&self) -> Result<TenantDraft, Failure> {
        let id = self.tenant.clone().unwrap_or_default();
        let first = id.split('.').next().unwrap_or_default();
        let name = self.name.as_deref().unwrap_or(first);
        let name = Name::parse(name)
            .map_err(|no| Failure::new("usage", ExitCode::Usage, no.to_string(), "--name NAME"))?;
        let usual = match self.client_id {
            Some(_) => SignInMethod::Browser,
            None => SignInMethod::AzureCli,
        };
        Ok(TenantDraft {
            name: name.to_string(),
            id,
            client_id: self.client_id.clone(),
            sign_in: Some(self.sign_in.unwrap_or(usual)),
            login_hint: self.login_hint.clone(),
            cloud: self.cloud,
            keep: match self.keystore {
                true => Keep::Keystore,
                false => Keep::Memory,
            },
        })
    }
}

fn sign_in(text: &str) -> Result<SignInMethod, String> {
    known(text, &PERSONS, |method| method.word())
}

fn cloud(text: &str) -> Result<AzureCloud, String> {
    known(text, &CLOUDS, |cloud| cloud.word())
}

fn ticket(text: &str) -> Result<Ticket, String> {
    Ticket::parse(text).ok_or_else(|| "write SYSTEM:NUMBER, such as ServiceNow:CHG0042".to_owned())
}

fn known<T: Copy>(text: &str, all: &[T], word: impl Fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().copied().find(|it| word(*it) == text);
    found.ok_or_else(|| {
        let words: Vec<&str> = all.iter().map(|it| word(*it)).collect();
        format!("it can be {}", words.join(", "))
    })
}

/// How persons sign in; others cannot activate anything.
const PERSONS: [SignInMethod; 3] = [
    SignInMethod::AzureCli,
    SignInMethod::Browser,
    SignInMethod::DeviceCode,
];

const CLOUDS: [AzureCloud; 4] = [
    AzureCloud::China,
    AzureCloud::Public,
    AzureCloud::UsGov,
    AzureCloud::UsGovDod,
];
