//! More time, where the policy wants a context that the sign-in has not shown.

use super::*;

/// Somebody whose window has been open for twenty minutes, by the cloud's clock, when its policy
/// begins to ask for the context.
async fn with_a_window() -> Person {
    let person = Person::new(|_| {}).await;
    person.is_signed_in().await;
    assert_eq!(person.home.run(&REVEAL).status.code(), Some(0));
    person.home.emulator.change(|cloud| {
        with_context(&mut cloud.scenario);
        cloud.advance(std::time::Duration::from_secs(20 * 60));
        cloud.reset_counts();
    });
    person
}

const EXTEND: [&str; 3] = ["open", "linux-root", "--extend"];

#[tokio::test(flavor = "multi_thread")]
async fn the_context_is_shown_while_the_window_is_still_open() {
    let person = with_a_window().await;
    let asking = person.start(&EXTEND);
    person.sees_page(2).await;
    assert_eq!(person.count(CREATE), 0, "nothing is ended yet");
    assert_eq!(person.home.run(&REVEAL).status.code(), Some(0));
    person.signs_in().await;
    let extended = ended(asking).await;
    let told = text(&extended.stderr);
    assert_eq!(extended.status.code(), Some(0), "{told}");
    // The end and the new beginning: PIM refused neither.
    assert_eq!((person.count(CREATE), person.pages().len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_that_is_cancelled_ends_nothing() {
    let person = with_a_window().await;
    let asking = person.start(&EXTEND);
    person.sees_page(2).await;
    person.chromium.click("[value=cancel]").await;
    person.chromium.shows("The sign-in failed").await;
    let refused = ended(asking).await;
    let told = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(6), "{told}");
    assert!(told.contains("goes on as it was"), "{told}");
    assert_eq!(person.count(CREATE), 0);
    assert_eq!(person.home.run(&REVEAL).status.code(), Some(0));
    assert_eq!(person.count(READ), 0, "it was still held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_closed_while_the_context_is_shown_stays_closed() {
    let person = with_a_window().await;
    let asking = person.start(&EXTEND);
    person.sees_page(2).await;
    let closed = person.home.run(&["close", "linux-root"]);
    assert_eq!(closed.status.code(), Some(0), "{closed:?}");
    person.signs_in().await;
    let refused = ended(asking).await;
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let status = person.home.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["windows"][0]["state"], "closed", "{status}");
}
