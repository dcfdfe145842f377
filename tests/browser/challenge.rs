//! A step-up that a service asks for by a claims challenge.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_wants_a_context_gets_the_token_of_the_page() {
    let person = Person::new(|_| {}).await;
    person.is_signed_in().await;
    person
        .home
        .emulator
        .change(|cloud| cloud.fault(challenge("vault.secret.get")));
    let asking = person.start(&REVEAL);
    person.sees_page(2).await;
    assert!(
        person.pages()[1].contains("vault.azure.net"),
        "{}",
        person.pages()[1]
    );
    person.signs_in().await;
    let released = ended(asking).await;
    assert_eq!(
        released.status.code(),
        Some(0),
        "{}",
        text(&released.stderr)
    );
    assert_eq!(
        (person.count("vault.secret.get"), person.count(CREATE)),
        (2, 1)
    );
    // The vault's first token, and the attempt without the person.
    assert_eq!(person.count(REFRESH), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_that_wants_a_context_by_a_claims_challenge_leads_to_the_page_as_well() {
    let person = Person::new(|_| {}).await;
    person.is_signed_in().await;
    person
        .home
        .emulator
        .change(|cloud| cloud.fault(challenge(CREATE)));
    let asking = person.start(&REVEAL);
    person.sees_page(2).await;
    person.signs_in().await;
    assert_eq!(ended(asking).await.status.code(), Some(0));
    assert_eq!((person.count(CREATE), person.pages().len()), (2, 2));
}

/// The claims challenge of continuous access evaluation, as it is documented.
fn challenge(operation: &str) -> Fault {
    use base64::Engine as _;
    let claims = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
    let claims = base64::engine::general_purpose::STANDARD.encode(claims);
    let challenge = format!(
        "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/\
         authorize\", error=\"insufficient_claims\", claims=\"{claims}\""
    );
    Fault {
        operation: operation.to_owned(),
        times: Some(1),
        status: Some(401),
        headers: [("WWW-Authenticate".to_owned(), challenge)].into(),
        ..Fault::default()
    }
}
