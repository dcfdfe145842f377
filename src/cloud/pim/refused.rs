//! What an error of PIM means for the person who asked.

use crate::catalog::{Tenant, WindowSpec};
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::Answer;
use crate::refusal::{Needed, Refusal, Service};

/// The typed refusal for an error answer.
pub(super) fn refuse(window: &WindowSpec, error: &ErrorBody, answer: &Answer) -> Refusal {
    let (tenant, service) = (&window.tenant, Service::of(&window.target));
    let name = window.name.to_string();
    if let Some(refusal) = of_tenant(tenant, service, error) {
        return refusal;
    }
    match error.code.as_str() {
        "RoleAssignmentRequestPolicyValidationFailed" => failed(window, rules(&error.message)),
        "RoleAssignmentDoesNotExist" | "RoleNotFound" | "SubjectNotFound" | "ResourceNotFound" => {
            Refusal::NotEligible { window: name }
        }
        "Authorization_RequestDenied"
        | "AuthorizationFailed"
        | "InsufficientPermissions"
        | "Forbidden" => Refusal::Forbidden {
            what: format!("window {name}"),
            why: error.message.lines().next().unwrap_or_default().to_owned(),
            remedy: "ask an administrator of PIM; docs/azure-setup.md lists the permissions that \
                     are needed"
                .to_owned(),
        },
        "InvalidPolicy" => Refusal::PimPolicy {
            window: name,
            rules: error.code.clone(),
        },
        _ => error.refuse(service, answer),
    }
}

/// What the rules of a policy ask for that failed.
fn failed(window: &WindowSpec, rules: String) -> Refusal {
    let name = window.name.to_string();
    if rules.contains("EligibilityRule") {
        return Refusal::NotEligible { window: name };
    }
    if rules.contains("MfaRule") {
        return Refusal::StepUp {
            tenant: window.tenant.name.to_string(),
            why: "PIM's policy asks for a second factor".to_owned(),
            claims: SECOND_FACTOR.to_owned(),
        };
    }
    let needed = [
        ("Justification", Needed::Reason),
        ("Ticketing", Needed::Ticket),
    ];
    match needed.iter().find(|(rule, _)| rules.contains(rule)) {
        Some((_, what)) => Refusal::ReasonNeeded {
            window: name,
            what: *what,
            last: None,
        },
        None => Refusal::PimPolicy {
            window: name,
            rules,
        },
    }
}

/// The refusal for an error that is about the sign-in, whatever was asked for.
pub(super) fn of_tenant(tenant: &Tenant, service: Service, error: &ErrorBody) -> Option<Refusal> {
    let name = tenant.name.to_string();
    if let Some(claims) = &error.claims {
        return Some(Refusal::StepUp {
            tenant: name,
            why: "its policy wants a stronger sign-in for this".to_owned(),
            claims: claims.clone(),
        });
    }
    match error.code.as_str() {
        "PermissionScopeNotGranted" => {
            let client = tenant.client_id.as_deref().unwrap_or("CLIENT_ID");
            Some(Refusal::Consent {
                tenant: name,
                scopes: scopes(&error.message),
                link: format!(
                    "{}{}/adminconsent?client_id={client}",
                    tenant.authority, tenant.id
                ),
            })
        }
        // The first is Graph's, and all of them are Resource Manager's.
        "InvalidAuthenticationToken"
        | "InvalidAuthenticationTokenAudience"
        | "InvalidAuthenticationTokenTenant"
        | "ExpiredAuthenticationToken"
        | "AuthenticationFailed" => Some(Refusal::SignIn {
            tenant: name,
            why: format!("{service} no longer accepts the sign-in"),
        }),
        _ => None,
    }
}

/// PIM ends no activation within its first five minutes.
pub(super) fn too_short(window: &WindowSpec) -> Refusal {
    Refusal::NotEndedYet {
        window: window.name.to_string(),
    }
}

/// `["JustificationRule"]` as `JustificationRule`.
fn rules(message: &str) -> String {
    let list = message
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let list = list.map_or(message, |(list, _)| list);
    list.replace('"', "").replace(',', ", ")
}

/// The least permission of those that would do.
fn scopes(message: &str) -> String {
    let list = message
        .rsplit_once("scope ")
        .map_or(message, |(_, list)| list);
    list.split(',')
        .next()
        .unwrap_or(list)
        .trim_end_matches('.')
        .to_owned()
}

/// Makes Entra ask for a second factor. PIM names the rule only; other clients of PIM send the same.
const SECOND_FACTOR: &str = r#"{"access_token":{"amr":{"values":["mfa"]}}}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_scopes_are_read_from_the_services_sentences() {
        let text = "The following policy rules failed: [\"JustificationRule\",\"TicketingRule\"]";
        assert_eq!(rules(text), "JustificationRule, TicketingRule");
        let text = "Authorization failed due to missing permission scope A.B.C,D.E.";
        assert_eq!(scopes(text), "A.B.C");
        assert_eq!(rules("something else"), "something else");
    }
}
