//! The private keys themselves: whether each can be read, is the pinned one, and how it is stored.
//!
//! Enters: the house. Leaves: a [`Finding`] for each key. It opens the windows of the keys, which no
//! other check does; what it reads is recorded, and wiped at once.

use super::{Case, Chart, Finding};
use crate::broker::{Broker, Condition, Wish};
use crate::catalog::Credential;
use crate::cloud::Unwatched;
use crate::house::House;
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::private_key::KeyProblem;

/// Every configured key whose private half is a secret of a vault.
pub async fn keys(house: &House, person: &Requester, chart: &dyn Chart) {
    let broker = &house.pipeline.broker;
    for window in &house.windows {
        let mut keys = Vec::new();
        for (credential, _) in house.catalog.keys() {
            if credential.vault.window.name == window.name {
                keys.push(credential);
            }
        }
        if keys.is_empty() {
            continue;
        }
        let wish = Wish::of(window, "looked at by the doctor", person);
        let opened = broker.open_in_time(window, wish, &Unwatched).await;
        for credential in keys {
            let case = Case::of("material", &credential.name);
            chart.note(match &opened {
                Err(refusal) => case.refused(refusal),
                Ok(()) if credential.object.stays() => {
                    case.skipped("it stays in its vault, which signs with it", "")
                }
                Ok(()) => found(case, credential, broker, person).await,
            });
        }
    }
}

async fn found(
    case: Case,
    credential: &Credential,
    broker: &Broker,
    person: &Requester,
) -> Finding {
    let read = broker.condition(credential, person, &Unwatched).await;
    match read {
        Err(refusal) => case.refused(&refusal),
        Ok(Err(problem)) => unusable(case, credential, &problem),
        Ok(Ok(condition)) => told(case, credential, &condition),
    }
}

fn unusable(case: Case, credential: &Credential, problem: &KeyProblem) -> Finding {
    let remedy = match problem {
        KeyProblem::Encrypted | KeyProblem::Damaged(_) | KeyProblem::Empty => {
            format!("whoever may write secrets {}", import(credential))
        }
        other => other.remedy(),
    };
    case.failure(format!("{problem} ({})", credential.object), remedy)
}

fn told(case: Case, credential: &Credential, read: &Condition) -> Finding {
    if let Err(Refusal::Material {
        problem, remedy, ..
    }) = crate::broker::pinned(credential, &read.public)
    {
        return case.failure(problem, remedy);
    }
    if read.repairs.is_empty() {
        return case.ok("it is the pinned key, stored as OpenSSH reads it");
    }
    let mended: Vec<String> = read.repairs.iter().map(ToString::to_string).collect();
    let stops = read.repairs.iter().any(|it| it.stops_openssh(read.format));
    let verdict = match stops {
        true => "OpenSSH would refuse it as it is",
        false => "OpenSSH would take it all the same",
    };
    case.warning(
        format!("it has {}; {verdict}", mended.join("; ")),
        format!(
            "pimento mends it each time; whoever may write secrets {}",
            import(credential)
        ),
    )
}

/// How it is stored anew.
fn import(credential: &Credential) -> String {
    format!(
        "stores it whole: `pimento import {} KEYFILE --replace`",
        credential.name
    )
}
