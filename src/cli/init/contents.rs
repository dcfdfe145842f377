//! What is in the vaults: which secrets are keys, and which are passwords.

use std::sync::Arc;

use ssh_key::PublicKey;

use super::windows::Behind;
use super::{Init, invalid, told};
use crate::broker::{Contents, Wish};
use crate::catalog::{ObjectName, VaultSpec};
use crate::cli::Failure;
use crate::cli::output::Output;
use crate::cloud::{CorrelationId, SecretFacts, Stage, StageSink};
use crate::refusal::ExitCode;
use crate::requester::Requester;
use crate::setup::{KeyDraft, PasswordDraft, name_of};

impl Init<'_> {
    /// Opens each window once, and puts what is chosen of its vaults into the draft.
    pub(super) async fn look(&mut self, behind: &[Behind]) -> Result<(), Failure> {
        let vaults = self.setup.vaults(&self.draft).map_err(invalid)?;
        for vault in &vaults {
            self.open(vault).await?;
            let only = behind.iter().find(|it| it.vault == vault.name.as_str());
            let wanted = match only.and_then(|it| it.only.clone()) {
                // Who may read one secret may not list the others.
                Some(only) => vec![facts(&only)],
                None => {
                    let listed = self.listed(vault).await?;
                    self.wanted(vault, listed)?
                }
            };
            for secret in wanted {
                self.add(vault, &secret).await;
            }
        }
        self.all_found()
    }

    /// A secret that was named and is nowhere is a mistake.
    fn all_found(&self) -> Result<(), Failure> {
        let keys = self.draft.keys.iter().map(|key| &key.secret);
        let passwords = self.draft.passwords.iter().map(|password| &password.secret);
        let skipped = self.skipped.iter().map(|(name, _)| name);
        let found: Vec<&String> = keys.chain(passwords).chain(skipped).collect();
        match self.args.secrets.iter().find(|name| !found.contains(name)) {
            None => Ok(()),
            Some(name) => Err(Failure::new(
                "no_match",
                ExitCode::NoMatch,
                format!("no vault that was opened has a secret named {name:?}"),
                "leave --secret out, and all that there is are shown to choose from",
            )),
        }
    }

    async fn open(&self, vault: &VaultSpec) -> Result<(), Failure> {
        let wish = Wish {
            reason: Some(self.args.reason.clone()),
            ticket: self.args.ticket.clone(),
            duration: None,
            extends: false,
            person: Requester::default(),
            id: CorrelationId::new(),
        };
        let opened = self
            .setup
            .open(&vault.window, wish, &Progress(self.output))
            .await;
        self.output.progress_ends();
        Ok(opened?)
    }

    async fn listed(&self, vault: &VaultSpec) -> Result<Vec<SecretFacts>, Failure> {
        let listed = self.setup.secrets(vault, &Progress(self.output)).await;
        self.output.progress_ends();
        Ok(listed?)
    }

    /// Those that are to be looked at.
    fn wanted(
        &mut self,
        vault: &VaultSpec,
        secrets: Vec<SecretFacts>,
    ) -> Result<Vec<SecretFacts>, Failure> {
        let (usable, others): (Vec<_>, Vec<_>) = secrets
            .into_iter()
            .partition(|it| it.enabled && !it.managed);
        for other in others {
            let why = match other.managed {
                true => "it belongs to a certificate of the vault, for [certificate.NAME]",
                false => "it is disabled",
            };
            self.skip(&other.name, why.to_owned());
        }
        let named = &self.args.secrets;
        if !named.is_empty() {
            return Ok(usable
                .into_iter()
                .filter(|it| named.contains(&it.name))
                .collect());
        }
        if self.args.all || usable.is_empty() {
            return Ok(usable);
        }
        let lines: Vec<String> = usable.iter().map(line).collect();
        let what = format!("secrets of vault {}", vault.name);
        let chosen = self
            .person
            .choose(&what, &lines, "--secret SECRET for each, or --all")?;
        let mut at = 0..;
        let is_chosen = |_: &SecretFacts| at.next().is_some_and(|at| chosen.contains(&at));
        Ok(usable.into_iter().filter(is_chosen).collect())
    }

    /// Looks at one secret, and adds it as what it is.
    async fn add(&mut self, vault: &Arc<VaultSpec>, facts: &SecretFacts) {
        let Ok(secret) = ObjectName::parse(&facts.name) else {
            return self.skip(&facts.name, "Key Vault does not name secrets so".to_owned());
        };
        self.output.progress(&format!("looking at {secret}"));
        let progress = Progress(self.output);
        let found = self.setup.inspect(vault, &secret, &progress).await;
        self.output.progress_ends();
        match found {
            // Of one secret; the others may be in order.
            Err(refusal) => self.skip(&facts.name, told(&refusal)),
            Ok(Contents::Unusable { problem, remedy }) => {
                self.skip(&facts.name, format!("{problem}; {remedy}"));
            }
            Ok(Contents::Key(public)) => self.add_key(vault, &secret, facts, *public),
            Ok(Contents::Password) => self.add_password(vault, &secret, facts),
        }
    }

    fn add_key(
        &mut self,
        vault: &VaultSpec,
        secret: &ObjectName,
        facts: &SecretFacts,
        public: PublicKey,
    ) {
        let mut keys = self.draft.keys.iter();
        if let Some(twin) = keys.find(|key| key.public.key_data() == public.key_data()) {
            let why = format!("it is the same key as {}", twin.name);
            return self.skip(&facts.name, why);
        }
        let name = self.free_name(secret, vault);
        self.output
            .hint(&format!("key {name} ({})", public.algorithm()));
        self.draft.keys.push(KeyDraft {
            name,
            vault: vault.name.to_string(),
            secret: secret.to_string(),
            public,
            hosts: tagged_hosts(facts),
        });
    }

    fn add_password(&mut self, vault: &VaultSpec, secret: &ObjectName, facts: &SecretFacts) {
        let name = self.free_name(secret, vault);
        self.output.hint(&format!("password {name}"));
        self.draft.passwords.push(PasswordDraft {
            name,
            vault: vault.name.to_string(),
            secret: secret.to_string(),
            user: facts.tags.get("user").cloned(),
            hosts: tagged_hosts(facts),
        });
    }

    /// The secret's own name, or with its vault's where that is taken.
    fn free_name(&self, secret: &ObjectName, vault: &VaultSpec) -> String {
        let own = name_of(secret).map_or_else(|_| secret.to_string(), |name| name.to_string());
        match self.draft.has(&own) {
            false => own,
            true => {
                let both = format!("{}.{own}", vault.name);
                both.chars().take(64).collect()
            }
        }
    }
}

/// What is known of a secret that cannot be listed: its name.
fn facts(secret: &ObjectName) -> SecretFacts {
    SecretFacts {
        name: secret.to_string(),
        enabled: true,
        ..SecretFacts::default()
    }
}

fn line(secret: &SecretFacts) -> String {
    match &secret.content_type {
        Some(kind) => format!("{}  ({kind})", secret.name),
        None => secret.name.clone(),
    }
}

/// The hosts that a tag `hosts` names, with commas or blanks between them.
fn tagged_hosts(secret: &SecretFacts) -> Vec<String> {
    let hosts = secret
        .tags
        .get("hosts")
        .map(String::as_str)
        .unwrap_or_default();
    let hosts = hosts.split([',', ' ']).filter(|host| !host.is_empty());
    hosts.map(str::to_owned).collect()
}

/// Shows the stages of an opening.
struct Progress<'a>(&'a Output);

impl StageSink for Progress<'_> {
    fn reached(&self, stage: Stage) {
        match stage.is_notice() {
            true => self.0.notice(&stage.to_string()),
            false => self.0.progress(&stage.to_string()),
        }
    }
}
