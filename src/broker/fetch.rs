//! The flight of a credential: its window opened, its material read, checked and admitted.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::flight::Flight;
use super::opening::settled;
use super::step_up::Errand;
use super::{Broker, Wish};
use crate::catalog::{AccessId, Credential, Target, VaultSpec};
use crate::clock::Moment;
use crate::cloud::{AccessToken, CorrelationId, Freshness, Membership, ReadError, Resource, Stage};
use crate::policy::Grant;
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::window::Since;

impl Broker {
    /// Joins the fetch of the grant's credential, or starts it; asked for at `since`.
    pub(super) fn fetch_flight(
        self: &Arc<Self>,
        grant: &Grant,
        since: Since,
        id: CorrelationId,
        person: &Requester,
    ) -> Arc<Flight> {
        let credential = Arc::clone(grant.credential());
        let wish = Wish {
            reason: grant.reason(),
            ticket: grant.ticket(),
            duration: None,
            extends: false,
            person: person.clone(),
            id,
        };
        let mut flights = self.flights();
        if let Some(flight) = flights.fetches.get(&credential.name) {
            flight.joined(since, &wish);
            if let Some(opening) = flights.openings.get(&credential.vault.window.name) {
                opening.joined(since, &wish);
            }
            return Arc::clone(flight);
        }
        let flight = Arc::new(Flight::new(since));
        flights
            .fetches
            .insert(credential.name.clone(), Arc::clone(&flight));
        drop(flights);
        let (broker, landing) = (Arc::clone(self), Arc::clone(&flight));
        self.run(async move {
            let outcome = settled(broker.fetch(&credential, wish, &landing)).await;
            let mut flights = broker.flights();
            flights.fetches.remove(&credential.name);
            flights
                .refused_fetches
                .ended(&credential.name, &outcome, broker.clock.now());
            drop(flights);
            landing.land(outcome);
        });
        flight
    }

    /// Reads, checks and admits one credential's material.
    async fn fetch(
        self: &Arc<Self>,
        credential: &Arc<Credential>,
        wish: Wish,
        stages: &Flight,
    ) -> Result<(), Refusal> {
        let window = &credential.vault.window;
        let (id, now, person) = (wish.id, self.clock.now(), wish.person.clone());
        if self.windows().holds(credential, now) {
            return Ok(());
        }
        let opens = self.windows().terms(&window.name, now).is_none();
        if opens {
            self.flights().refused_openings.again(&window.name, now)?;
            let opening = self.opening_flight(window, wish, stages.since());
            opening.landed(stages).await?;
        }
        let active = self.clock.now();
        let errand = Errand::new(&window.tenant, &person, id, stages).using(&credential.object);
        let found = self.find(credential, errand).await?;
        if opens {
            self.pace.took(window, active.until(found.sent));
        }
        let now = self.clock.now();
        self.windows_mut().admit(
            credential,
            found.material,
            found.version,
            found.valid_until,
            now,
        )?;
        self.changed.notify_one();
        self.seen.send_replace(());
        Ok(())
    }

    /// Asks a vault, waiting while the new assignment spreads; tells when the answer was asked for.
    ///
    /// The one place that retries a refused read, with one deadline. The groups in a token are
    /// those of its minting, so for a group each further try gets a *new* token. An Azure role is
    /// looked up by who the token is of: there the same token works once the role has spread.
    pub(super) async fn read<'a, T>(
        &self,
        vault: &VaultSpec,
        mut errand: Errand<'_>,
        ask: &(dyn Fn(Arc<AccessToken>) -> BoxFuture<'a, Result<T, ReadError>> + Sync),
    ) -> Result<(T, Moment), Refusal> {
        let window = &vault.window.name;
        let deadline = self.clock.now().after(self.limits.propagation);
        let kept = self.windows().token(window, self.clock.now());
        let mut token = match kept {
            Some(token) => token,
            None => self.new_token(&mut errand).await?,
        };
        let mut attempts = 0;
        let mut rejected = false;
        loop {
            // Neither read nor written for a window that has ended while this was waited for.
            self.is_standing(&vault.window)?;
            let sent = self.clock.now();
            match ask(Arc::clone(&token)).await {
                Ok(answer) => {
                    self.windows_mut().keep_token(window, token);
                    return Ok((answer, sent));
                }
                Err(ReadError::Refused(refusal)) => {
                    self.windows_mut().drop_token(window);
                    token = self.step_up(&mut errand, refusal, Resource::Vault).await?;
                    continue;
                }
                Err(ReadError::TokenRejected) if rejected => {
                    let tenant = vault.window.tenant.name.to_string();
                    let why = "Key Vault rejects a token that was just issued".to_owned();
                    return Err(Refusal::SignIn { tenant, why });
                }
                Err(ReadError::TokenRejected) => rejected = true,
                Err(ReadError::NotYet) => {
                    attempts += 1;
                    let usually = self.pace.usual(&vault.window);
                    let stage = Stage::WaitingForVault { attempts, usually };
                    errand.stages.reached(stage);
                    self.pause(vault, &token, (attempts, deadline), errand.role)
                        .await?;
                    if let Target::AzureRole { .. } = vault.window.target {
                        continue;
                    }
                }
            }
            self.windows_mut().drop_token(window);
            token = self.new_token(&mut errand).await?;
        }
    }

    async fn new_token(&self, errand: &mut Errand<'_>) -> Result<Arc<AccessToken>, Refusal> {
        let (identity, resource) = (&self.cloud.identity, Resource::Vault);
        let token = identity.token(errand.tenant, resource, Freshness::New, errand.id);
        match token.await {
            Err(refusal) => self.step_up(errand, refusal, resource).await,
            token => token,
        }
    }

    /// Waits before the next read, unless there is no time for one.
    async fn pause(
        &self,
        vault: &VaultSpec,
        token: &AccessToken,
        (attempts, deadline): (u32, Moment),
        role: &str,
    ) -> Result<(), Refusal> {
        let next = self.clock.now().after(back_off(attempts));
        if next >= deadline {
            let waited = self.limits.propagation;
            return Err(unseen(vault, token, waited, role));
        }
        self.clock.sleep_until(next).await;
        Ok(())
    }
}

/// A vault that grants nothing although PIM reports the window as active: by the token's own claims,
/// either Entra is late or the vault was never told.
fn unseen(vault: &VaultSpec, token: &AccessToken, waited: Duration, role: &str) -> Refusal {
    let window = &vault.window;
    let name = vault.azure_name();
    let (membership, assignee) = match window.target {
        Target::Group { group, .. } => (token.membership(group), group.to_string()),
        Target::AzureRole { .. } => (Membership::Untold, "GROUP".to_owned()),
    };
    let active = format!(
        "PIM reports window {} as active, but after {} s",
        window.name,
        waited.as_secs()
    );
    let grant = format!(
        "an owner of the vault gives the group a role on it: `az role assignment create --role \
         \"{role}\" --assignee-object-id {assignee} --assignee-principal-type Group \
         --scope $(az keyvault show --name {name} --query id --output tsv)`"
    );
    let (why, remedy) = match (membership, &window.target) {
        (_, Target::Group { access, .. }) if *access == AccessId::Owner => (
            format!("{active} the vault grants nothing: who owns a group is not its member"),
            format!("give [window.{}] `access = \"member\"`", window.name),
        ),
        (Membership::Out, _) => (
            format!("{active} the tokens that Entra issues still lack its group"),
            "try again in some minutes; if it lasts, an administrator looks whether you are among \
             the group's members in the Entra admin centre"
                .to_owned(),
        ),
        (Membership::In, _) => (
            format!("{active} the vault grants nothing to its group, which your token has"),
            grant,
        ),
        (Membership::Untold, Target::Group { .. }) => (
            format!("{active} the vault still grants nothing: its group may lack a role on it"),
            grant,
        ),
        (Membership::Untold, Target::AzureRole { .. }) => (
            format!("{active} the vault still grants nothing"),
            format!(
                "try again in some minutes; if it lasts, an owner of vault {name} looks whether the \
                 role is {role}, or another that lets you, and reaches this one"
            ),
        ),
    };
    Refusal::Forbidden {
        what: format!("vault {}", vault.name),
        why,
        remedy,
    }
}

/// 2, 4, 8, then 15 s.
fn back_off(attempts: u32) -> Duration {
    Duration::from_secs(2_u64.saturating_pow(attempts).min(15))
}
