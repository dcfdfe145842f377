//! What the user is eligible for, as far as it serves a window.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::Roles;
use crate::catalog::{Name, Scope};
use crate::cloud::pim::Case;
use crate::refusal::Refusal;

/// An eligibility, as an activation has to name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Eligible {
    /// Its own scope: the window's, or one that holds it.
    pub(super) scope: Scope,
    /// The role's definition, by the path under which it was listed.
    pub(super) definition: String,
    /// Its schedule, where it is the user's own. That of a group belongs to another principal than
    /// the request; PIM finds it by itself.
    pub(super) schedule: Option<String>,
    /// What it is limited to, and in which version of that language.
    pub(super) condition: Option<(String, String)>,
}

impl Eligible {
    fn of(properties: &Value) -> Option<Self> {
        let some = |name: &str| Some(text(properties, name)).filter(|found| !found.is_empty());
        let own = text(properties, "memberType").eq_ignore_ascii_case("direct");
        let schedule = some("roleEligibilityScheduleId").and_then(|id| id.rsplit('/').next());
        Some(Self {
            scope: Scope::parse(text(properties, "scope"))?,
            definition: some("roleDefinitionId")?.to_owned(),
            schedule: schedule.filter(|_| own).map(str::to_owned),
            condition: some("condition")
                .zip(some("conditionVersion"))
                .map(|(condition, version)| (condition.to_owned(), version.to_owned())),
        })
    }
}

/// The eligibilities found since the agent started, by window: they outlast what they open.
#[derive(Default)]
pub(in crate::cloud::pim) struct Known(Mutex<HashMap<Name, Eligible>>);

impl Known {
    pub(super) fn get(&self, case: &Case<'_>) -> Option<Eligible> {
        self.all().get(&case.window.name).cloned()
    }

    pub(super) fn forget(&self, case: &Case<'_>) {
        self.all().remove(&case.window.name);
    }

    fn keep(&self, case: &Case<'_>, eligible: &Eligible) {
        self.all()
            .insert(case.window.name.clone(), eligible.clone());
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Name, Eligible>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Roles<'_> {
    /// The narrowest eligibility that serves this window.
    pub(super) async fn eligible(&self) -> Result<Option<Eligible>, Refusal> {
        let (items, _) = self.mine("roleEligibilityScheduleInstances").await?;
        let found = items
            .iter()
            .filter_map(|item| Eligible::of(item.get("properties")?))
            .max_by_key(|eligible| eligible.scope.as_str().len());
        if let Some(found) = &found {
            self.known.keep(&self.case, found);
        }
        Ok(found)
    }

    pub(super) async fn known_or_found(&self) -> Result<Option<Eligible>, Refusal> {
        match self.known.get(&self.case) {
            Some(eligible) => Ok(Some(eligible)),
            None => self.eligible().await,
        }
    }
}

/// A member that is a text, or nothing.
pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GROUP: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg";

    fn properties(member: &str) -> Value {
        json!({
            "scope": GROUP, "memberType": member, "condition": null, "conditionVersion": null,
            "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/r",
            "roleEligibilityScheduleId": format!("{GROUP}/providers/x/RoleEligibilitySchedules/s1"),
        })
    }

    #[test]
    fn only_an_eligibility_of_the_users_own_is_named_in_the_request() {
        let schedule = |member: &str| Eligible::of(&properties(member)).unwrap().schedule;
        assert_eq!(schedule("Direct").as_deref(), Some("s1"));
        assert_eq!(schedule("Group"), None);
        assert_eq!(schedule("Inherited"), None);
    }

    #[test]
    fn a_condition_goes_with_its_version_or_not_at_all() {
        let mut it = properties("Direct");
        it["condition"] = json!("@Resource[x] StringEquals 'y'");
        assert_eq!(Eligible::of(&it).unwrap().condition, None);
        it["conditionVersion"] = json!("2.0");
        assert_eq!(Eligible::of(&it).unwrap().condition.unwrap().1, "2.0");
    }

    #[test]
    fn what_lies_at_no_scope_that_a_token_may_go_to_is_none() {
        for bad in ["", "/", "/subscriptions/x/../y", "https://evil.example"] {
            let mut it = properties("Direct");
            it["scope"] = json!(bad);
            assert_eq!(Eligible::of(&it), None, "{bad}");
        }
    }
}
