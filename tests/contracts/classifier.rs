//! Answers that no description knows, put on the wire before pimento's own client.

use pimento::cloud::ReadError;
use pimento::emulator::scenario::Fault;
use pimento::refusal::Refusal;

use crate::client::Client;
use crate::source;
use crate::wire::Wire;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_error_body_is_refused_in_its_own_words() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let client = Client::signed_in(&wire).await;
    for (status, body) in [(400, "<html>"), (400, "[]"), (418, "null"), (403, "\"no\"")] {
        for operation in [
            "vault.secret.get",
            "graph.assignmentScheduleRequests.create",
        ] {
            let fault = Fault {
                operation: operation.to_owned(),
                status: Some(status),
                body: Some(body.to_owned()),
                ..Fault::default()
            };
            wire.change(|world| world.fault(fault));
            let read = of_read(&client).await;
            let activated = of_activation(&client).await;
            let told = if operation.starts_with("vault") {
                read
            } else {
                activated
            };
            assert!(
                told.starts_with("Cloud") || told.starts_with("Forbidden"),
                "{told}"
            );
            wire.change(|world| world.scenario.faults.clear());
        }
    }
}

async fn of_read(client: &Client<'_>) -> String {
    match client.read("db01-root").await {
        Ok(_) => "a secret".to_owned(),
        Err(ReadError::Refused(refusal)) => format!("{refusal:?}"),
        Err(other) => format!("{other:?}"),
    }
}

async fn of_activation(client: &Client<'_>) -> String {
    let refusal: Result<(), Refusal> = client.activate('2', None).await;
    refusal.map_or_else(|refusal| format!("{refusal:?}"), |()| "active".to_owned())
}
