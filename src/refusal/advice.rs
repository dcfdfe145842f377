//! What to do about a refusal: who can change it, and the exact command or link.

use super::{Needed, Refusal, Service};
use crate::catalog::{Target, WindowSpec};

impl Refusal {
    /// The access of `window` is not held by the application or identity of that object id, which
    /// can activate nothing.
    #[must_use]
    pub fn unassigned(window: &WindowSpec, object_id: &str) -> Self {
        let remedy = match &window.target {
            Target::AzureRole { scope, role } => format!(
                "an owner of the resource assigns it for good: `az role assignment create \
                 --assignee-object-id {object_id} --assignee-principal-type ServicePrincipal --role {role} \
                 --scope {scope}`; or a person opens the window: sign_in = \"browser\" in [tenant.{}]",
                window.tenant.name
            ),
            Target::Group { .. } => format!(
                "let people sign in: sign_in = \"browser\" in [tenant.{}]",
                window.tenant.name
            ),
        };
        Self::Forbidden {
            what: format!("window {}", window.name),
            why: "PIM lets only people activate, and an application has what it is assigned for good; this \
                  one is not assigned"
                .to_owned(),
            remedy,
        }
    }

    /// What the user, or whom they should ask, can do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Ambiguous { .. } => AMBIGUOUS.to_owned(),
            Self::Audit(_) => AUDIT.to_owned(),
            Self::AwaitingApproval {
                request, window, ..
            } => format!(
                "an approver decides it: `pimento approvals approve {request} --reason \"…\"`, or in \
                 the Entra admin centre (PIM, Approve requests); then try again, the request is kept \
                 (`pimento close {window}` takes it back)"
            ),
            Self::AzureCli { id, why, .. } => azure_cli(id, why),
            Self::Binding { .. } => BINDING.to_owned(),
            Self::Cloud { service, .. } => format!(
                "if it lasts, give your administrator the request id that `pimento why` shows \
                 ({service} keeps it in its log)"
            ),
            Self::Consent { link, .. } => format!("an administrator opens {link}"),
            Self::Decided { .. } => "`pimento approvals` lists what still waits".to_owned(),
            Self::Declined { .. } => DECLINED.to_owned(),
            Self::Denied { window, .. } => format!(
                "ask the approvers why, then `pimento open {window} --reason \"…\"` asks again"
            ),
            Self::Locked => "unlock it with `pimento lock --off`".to_owned(),
            Self::LockedWithPassphrase => "unlock it with `ssh-add -X`".to_owned(),
            Self::Application { remedy, .. }
            | Self::Forbidden { remedy, .. }
            | Self::Destination { remedy, .. }
            | Self::Material { remedy, .. }
            | Self::NotStored { remedy, .. }
            | Self::NotExtended { remedy, .. }
            | Self::StepUpFailed { remedy, .. }
            | Self::Unasked { remedy, .. } => remedy.clone(),
            Self::NoMatch { kind, .. } => no_match(kind),
            Self::NotEligible { window } => format!(
                "an administrator makes you eligible for what window {window} names \
                 (Entra admin centre, PIM, Groups or Azure resources, Assignments)"
            ),
            Self::NotEndedYet { window } => format!(
                "pimento ends it at PIM by itself in five minutes, unless window {window} is opened \
                 again before"
            ),
            Self::NotReopened { refusal, .. } => refusal.advice(),
            Self::NotInTime { window, .. } => {
                format!("the opening goes on: try again, or watch it with `pimento open {window}`")
            }
            Self::PimPolicy { window, rules } => pim_policy(window, rules),
            Self::Policy { advice, .. } => advice.clone(),
            Self::ReasonNeeded { window, what, .. } => reason_needed(window, *what),
            Self::SignIn { tenant, .. } | Self::StepUp { tenant, .. } => {
                format!("`pimento login {tenant}`")
            }
            Self::Throttled { wait, .. } => format!("try again in {} s", wait.as_secs()),
            Self::Unanswered { .. } => UNANSWERED.to_owned(),
            Self::Unreachable { service, .. } => unreachable_service(*service).to_owned(),
            Self::Unsupported(_) => "see docs/protocol.md for what is supported".to_owned(),
            Self::WindowEnded { window, .. } => {
                format!("try again: the next request opens window {window} anew")
            }
        }
    }
}

fn azure_cli(id: &str, why: &str) -> String {
    let login = format!("`az login --tenant {id}`, then try again");
    if why.contains("not found on PATH") {
        format!(
            "install the Azure CLI (https://aka.ms/azure-cli) where the agent finds it, then {login}"
        )
    } else {
        login
    }
}

fn no_match(kind: &str) -> String {
    match kind {
        "key" | "password" => "`pimento keys` lists what is configured".to_owned(),
        "request" => "`pimento approvals` lists what waits for you".to_owned(),
        _ => format!("`pimento status` lists every {kind}"),
    }
}

fn reason_needed(window: &str, what: Needed) -> String {
    let value = match what {
        Needed::Reason => "\"…\"",
        Needed::Ticket => "SYSTEM:NUMBER",
    };
    format!(
        "`pimento open {window} --{what} {value}`, then try again; or let pimento ask for it: \
         docs/operating.md, \"Questions\""
    )
}

fn pim_policy(window: &str, rules: &str) -> String {
    if rules.contains("Mfa") {
        "sign in again with a second factor: `pimento logout`, then `pimento login`".to_owned()
    } else if rules.contains("Expiration") {
        format!("set a shorter `duration` for window {window} in the configuration")
    } else {
        format!("an owner of the group or resource of window {window} can change its PIM settings")
    }
}

const fn unreachable_service(service: Service) -> &'static str {
    match service {
        Service::KeyVault => {
            "check the network, and whether the vault's private endpoint resolves from here"
        }
        // Which hosts they are depends on the tenant's cloud.
        Service::Entra | Service::Pim | Service::PimAzure => {
            "check the network, and the proxy in the agent's environment (docs/configuration.md, \
             \"Proxies\"); `pimento doctor` asks the same hosts"
        }
    }
}

const AMBIGUOUS: &str =
    "narrow `user`, `hosts` or `uses` of these in the configuration, so that one is left";

const AUDIT: &str = "free space on, or make writable, the audit folder that `pimento status` names";

const BINDING: &str = "connect with OpenSSH 8.9 or newer and without agent forwarding, to a host \
                       that `hosts` and known_hosts name; where known_hosts has hashed names (|1|…), \
                       `hosts` has to have the full one, without * and ?; a known_hosts that cannot be read has \
                       to be made readable, or taken out of `known_hosts` of [agent]; `pimento why` shows what was \
                       seen";

const UNANSWERED: &str =
    "try again and answer in time; `prompt_timeout` of [agent] is how long it stands";

const DECLINED: &str = "try again and answer yes; if you did not expect the question, `pimento why` \
                        shows which program asked";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_request_is_looked_for_where_requests_are_listed() {
        let unknown = Refusal::NoMatch {
            kind: "request",
            name: "5f1d3b3c".to_owned(),
            nearest: None,
        };
        assert!(unknown.advice().contains("`pimento approvals`"));
    }

    #[test]
    fn advice_on_a_service_names_no_host_of_one_cloud() {
        for service in [Service::Entra, Service::Pim, Service::PimAzure] {
            let unreachable = Refusal::Unreachable {
                service,
                why: "timed out".to_owned(),
            };
            let advice = unreachable.advice();
            assert!(!advice.contains("microsoft"), "{advice}");
            assert!(!advice.contains("azure.com"), "{advice}");
        }
    }
}
