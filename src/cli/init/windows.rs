//! What to open, and which vaults are behind it.

use url::Url;

use super::{Init, invalid, told};
use crate::catalog::ObjectName;
use crate::cli::Failure;
use crate::refusal::{ExitCode, Refusal, Service};
use crate::setup::{Offer, VaultDraft, WindowDraft};

/// A vault of the draft, and the only secret of it that its window opens, if that is so.
pub(super) struct Behind {
    pub(super) vault: String,
    pub(super) only: Option<ObjectName>,
}

impl Init<'_> {
    /// Finds what can be activated, and puts what is chosen into the draft.
    pub(super) async fn choose_windows(&mut self) -> Result<Vec<Behind>, Failure> {
        let (offers, untold) = self.setup.offers().await;
        if offers.is_empty() {
            return Err(nothing(&self.draft.tenant.name, untold));
        }
        for (service, refusal) in untold {
            let what = service.to_string();
            self.output
                .hint(&format!("{what} was not asked: {}", told(&refusal)));
        }
        let chosen = self.chosen(offers)?;
        let mut behind = Vec::new();
        for offer in &chosen {
            self.draft.windows.push(WindowDraft {
                name: offer.name.clone(),
                called: offer.called.clone(),
                target: offer.target.clone(),
                duration: self.args.duration.clone(),
                reason: None,
            });
            for url in self.vaults_of(offer, chosen.len())? {
                behind.push(Behind {
                    vault: self.add_vault(url, &offer.name),
                    only: offer.secret(),
                });
            }
        }
        // Told now, before anything is activated.
        self.setup.vaults(&self.draft).map_err(invalid)?;
        Ok(behind)
    }

    fn chosen(&self, mut offers: Vec<Offer>) -> Result<Vec<Offer>, Failure> {
        if self.args.windows.is_empty() {
            if self.args.all || offers.len() == 1 {
                return Ok(offers);
            }
            let lines: Vec<String> = offers.iter().map(Offer::line).collect();
            let advice = "--window TARGET for each, or --all";
            let chosen = self.person.choose("windows", &lines, advice)?;
            let mut at = 0..;
            offers.retain(|_| at.next().is_some_and(|at| chosen.contains(&at)));
            return match offers.is_empty() {
                true => Err(Failure::new(
                    "usage",
                    ExitCode::Usage,
                    "no window was chosen",
                    advice,
                )),
                false => Ok(offers),
            };
        }
        let named = |wanted: &String| {
            let mut found = offers.iter().filter(|offer| offer.is(wanted));
            let (first, second) = (found.next(), found.next());
            first
                .filter(|_| second.is_none())
                .cloned()
                .ok_or_else(|| not_one(wanted, &offers))
        };
        self.args.windows.iter().map(named).collect()
    }

    /// The vaults that a window opens: its own, those that were named, or what the person says.
    fn vaults_of(&self, offer: &Offer, windows: usize) -> Result<Vec<Url>, Failure> {
        if let Some(own) = offer.vault(self.args.cloud) {
            return Ok(vec![own]);
        }
        let named: Vec<&str> = self
            .args
            .vaults
            .iter()
            .filter_map(|text| match text.split_once('=') {
                Some((window, vault)) => (window == offer.name).then_some(vault),
                None => (windows == 1).then_some(text.as_str()),
            })
            .collect();
        let said;
        let named = if named.is_empty() {
            let question = format!("Vault that {} opens (name or address): ", offer.line());
            let what = format!("the vault that {} opens", offer.name);
            let advice = format!("--vault {}=VAULT", offer.name);
            said = self.person.line(&question, &what, &advice)?;
            said.split([' ', ','])
                .filter(|part| !part.is_empty())
                .collect()
        } else {
            named
        };
        named.into_iter().map(|text| self.address(text)).collect()
    }

    fn address(&self, vault: &str) -> Result<Url, Failure> {
        let address = match vault.contains("://") {
            true => vault.to_owned(),
            false => format!("https://{vault}{}", self.args.cloud.vaults()),
        };
        Url::parse(&address).map_err(|_| {
            let message = format!("{vault:?} is neither the name nor the address of a vault");
            Failure::new(
                "usage",
                ExitCode::Usage,
                message,
                "for example --vault kv-linux",
            )
        })
    }

    /// Adds a vault once per window: two windows into one vault are two vaults here.
    fn add_vault(&mut self, url: Url, window: &str) -> String {
        let host = url.host_str().unwrap_or_default();
        let own = host.split('.').next().unwrap_or_default();
        let taken = |name: &str| self.draft.vaults.iter().any(|it| it.name == name);
        let name = match taken(own) {
            true => format!("{own}-{window}"),
            false => own.to_owned(),
        };
        self.draft.vaults.push(VaultDraft {
            name: name.clone(),
            url,
            window: window.to_owned(),
        });
        name
    }
}

fn nothing(tenant: &str, untold: Vec<(Service, Refusal)>) -> Failure {
    if let Some((_, refusal)) = untold.into_iter().next() {
        return refusal.into();
    }
    Failure::new(
        "nothing",
        ExitCode::NoMatch,
        format!("you are eligible for nothing in tenant {tenant} that opens a vault"),
        "an administrator makes you eligible: docs/azure-setup.md, or `pimento export`; for PIM groups, \
         also give --client-id",
    )
}

fn not_one(wanted: &str, offers: &[Offer]) -> Failure {
    let lines: Vec<String> = offers
        .iter()
        .map(|offer| format!("{}  {}", offer.name, offer.line()))
        .collect();
    Failure::new(
        "no_match",
        ExitCode::NoMatch,
        format!(
            "{wanted:?} is not one thing that you are eligible for; there are:\n{}",
            lines.join("\n")
        ),
        "name one by its first word",
    )
}
