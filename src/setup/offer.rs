//! What the person may activate, as far as it can open a vault.

use url::Url;

use crate::catalog::{AzureCloud, ObjectName, Target, Tenant};
use crate::cloud::Holding;
use crate::refusal::Service;

/// A group or a role that can become a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What the configuration would call it.
    pub name: String,
    /// What Azure calls it.
    pub called: Option<String>,
    /// What is activated.
    pub target: Target,
}

impl Offer {
    /// The offer that an eligibility makes; `None` for a role that opens no vault.
    pub(super) fn of(held: Holding) -> Option<Self> {
        let Holding { target, called, .. } = held;
        let opens = match &target {
            Target::Group { .. } => true,
            Target::AzureRole { scope, role } => {
                // A role of one's own is worth a try where nothing but a vault is.
                role.reads_secrets()
                    .unwrap_or_else(|| vault_in(scope.as_str()).is_some())
            }
        };
        opens.then(|| Self {
            name: String::new(),
            called,
            target,
        })
    }

    /// Whether `text` means this: by its name here or at Azure, its id or its path.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let called = self.called.as_deref();
        let own = match &self.target {
            Target::Group { group, .. } => group.to_string(),
            Target::AzureRole { scope, .. } => scope.as_str().to_owned(),
        };
        [Some(self.name.as_str()), called, Some(own.as_str())]
            .iter()
            .flatten()
            .any(|known| known.eq_ignore_ascii_case(text))
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        match (&self.called, &self.target) {
            (Some(called), Target::Group { .. }) => format!("{called} ({})", self.target),
            _ => self.target.to_string(),
        }
    }

    /// The vault that it is for, where its path tells.
    #[must_use]
    pub fn vault(&self, cloud: AzureCloud) -> Option<Url> {
        let Target::AzureRole { scope, .. } = &self.target else {
            return None;
        };
        let name = vault_in(scope.as_str())?;
        Url::parse(&format!("https://{name}{}", cloud.vaults())).ok()
    }

    /// The one secret that it is for, where its path tells.
    #[must_use]
    pub fn secret(&self) -> Option<ObjectName> {
        let Target::AzureRole { scope, .. } = &self.target else {
            return None;
        };
        ObjectName::parse(after(scope.as_str(), "secrets")?).ok()
    }

    fn best_name(&self) -> String {
        let called = self.called.as_deref().map(slug);
        let named = called.filter(|name| !name.is_empty());
        match &self.target {
            Target::Group { group, .. } => named.unwrap_or_else(|| {
                let id: String = group.to_string().chars().take(8).collect();
                format!("group-{id}")
            }),
            Target::AzureRole { scope, .. } => {
                let last = scope.as_str().rsplit('/').next().unwrap_or_default();
                slug(last)
            }
        }
    }
}

/// Gives each a name of its own.
pub(super) fn name_all(offers: &mut [Offer]) {
    let mut taken: Vec<String> = Vec::new();
    for offer in offers {
        let best = offer.best_name();
        let numbered = (2..).map(|number| format!("{best}-{number}"));
        let mut names = std::iter::once(best.clone()).chain(numbered);
        offer.name = names.find(|name| !taken.contains(name)).unwrap_or(best);
        taken.push(offer.name.clone());
    }
}

/// Where to look: the Azure CLI's application may not ask for groups.
pub(super) fn services(tenant: &Tenant) -> Vec<Service> {
    match tenant.sign_in.is_interactive() {
        true => vec![Service::Pim, Service::PimAzure],
        false => vec![Service::PimAzure],
    }
}

fn vault_in(scope: &str) -> Option<&str> {
    after(scope, "vaults")
}

/// The segment behind the one that is `word`.
fn after<'s>(scope: &'s str, word: &str) -> Option<&'s str> {
    let mut parts = scope.split('/');
    parts.find(|part| part.eq_ignore_ascii_case(word))?;
    parts.next()
}

/// `text` as a name: small letters, digits and hyphens.
fn slug(text: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => ' ',
    };
    let plain: String = text.chars().map(plain).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let name: String = words.join("-").chars().take(48).collect();
    name.trim_matches('-').to_owned()
}
