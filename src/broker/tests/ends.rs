//! Windows that are closed: open, while they open, and at PIM.

use super::*;

#[tokio::test]
async fn what_pim_does_not_end_at_once_is_ended_later_unless_it_is_open_again() {
    for opened_again in [false, true] {
        let house = House::with(|fake| fake.five_minutes = true);
        let window = &password("db01").vault.window;
        house.ready("db01").await.unwrap();
        let refusal = house.broker.close(window, "a test").await.unwrap_err();
        assert_eq!(refusal.code(), "not_ended_yet");
        assert!(house.broker.views().is_empty(), "here it is closed at once");
        if opened_again {
            house.ready("db01").await.unwrap();
        }
        house.clock.pass(Duration::from_secs(305)).await;
        while !house.broker.tasks().is_empty() {
            let _ended = house.broker.tasks().try_join_next().is_some();
            tokio::task::yield_now().await;
        }
        let ends = house.fake.ends.load(Ordering::SeqCst);
        assert_eq!(ends, if opened_again { 1 } else { 2 });
    }
}

#[tokio::test]
async fn closing_what_waits_for_approval_takes_the_request_back() {
    let house = House::with(|fake| fake.approval = Some(Notify::new()));
    let window = &password("db01").vault.window;
    assert_eq!(
        house.broker.close(window, "a test").await,
        Ok(Ended::Nothing)
    );
    let asked = house.ask("db01");
    while house
        .broker
        .opening(&window.name)
        .is_none_or(|it| it == Stage::Starting)
    {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        house.broker.close(window, "a test").await,
        Ok(Ended::TakenBack)
    );
    asked.abort();
}

/// What is asked for while PIM provisions, once `ends` is over: what came of it, what is open, and how often PIM
/// was asked to end it.
async fn ended_meanwhile(ends: impl AsyncFn(&House)) -> (Result<(), &'static str>, usize, u32) {
    let house = House::with(|fake| fake.provisioning = Some(Notify::new()));
    let window = &password("db01").vault.window;
    let asked = house.ask("db01");
    while house.broker.opening(&window.name) != Some(Stage::Provisioning) {
        tokio::task::yield_now().await;
    }
    ends(&house).await;
    house.fake.provisioning.as_ref().unwrap().notify_one();
    let answer = asked.await.unwrap();
    let ends = house.fake.ends.load(Ordering::SeqCst);
    (answer, house.broker.views().len(), ends)
}

#[tokio::test]
async fn what_is_closed_while_it_opens_does_not_open_and_is_given_back() {
    let closes = async |house: &House| {
        let window = &password("db01").vault.window;
        let closed = house.broker.close(window, "a test").await;
        assert_eq!(closed, Ok(Ended::Abandoned));
    };
    assert_eq!(ended_meanwhile(closes).await, (Err("window_ended"), 0, 1));
    let nothing = async |_: &House| {};
    assert_eq!(ended_meanwhile(nothing).await, (Ok(()), 1, 0));
}

#[tokio::test]
async fn what_was_asked_for_before_a_lock_is_not_opened_after_it() {
    let locks = async |house: &House| {
        house.broker.lock();
        house.broker.unlock();
    };
    assert_eq!(ended_meanwhile(locks).await, (Err("window_ended"), 0, 0));
    let stays_locked = async |house: &House| {
        house.broker.lock();
    };
    assert_eq!(ended_meanwhile(stays_locked).await, (Err("locked"), 0, 0));
}

#[tokio::test]
async fn what_is_wiped_while_it_opens_does_not_open_and_stands_at_pim() {
    let wipes = async |house: &House| {
        house.broker.wipe("a test");
    };
    assert_eq!(ended_meanwhile(wipes).await, (Err("window_ended"), 0, 0));
}

#[tokio::test]
async fn whoever_asks_again_after_a_close_has_the_opening_go_on() {
    let closes_and_asks = async |house: &House| {
        let window = &password("db01").vault.window;
        let closed = house.broker.close(window, "a test").await;
        assert_eq!(closed, Ok(Ended::Abandoned));
        drop(house.ask("db01"));
        let joined = || {
            let flights = house.broker.flights();
            flights.openings[&window.name].since() == house.broker.windows().since(&window.name)
        };
        while !joined() {
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(ended_meanwhile(closes_and_asks).await, (Ok(()), 1, 0));
}

#[tokio::test]
async fn an_approvers_no_is_not_asked_for_again_because_everything_was_wiped_meanwhile() {
    let house = House::with(|fake| {
        fake.approval = Some(Notify::new());
        fake.refusal = Mutex::new(Some(Refusal::Denied {
            window: "ops".to_owned(),
            status: "Denied".to_owned(),
        }));
    });
    let window = &password("db01").vault.window;
    let before = house.ask("db01");
    let waits = |stage| matches!(stage, Stage::AwaitingApproval { .. });
    while !house.broker.opening(&window.name).is_some_and(waits) {
        tokio::task::yield_now().await;
    }
    house.broker.wipe("a test");
    let after = house.ask("db01");
    let joined = || {
        let flights = house.broker.flights();
        flights.openings[&window.name].since() == house.broker.windows().since(&window.name)
    };
    while !joined() {
        tokio::task::yield_now().await;
    }
    house.fake.approval.as_ref().unwrap().notify_one();
    assert_eq!(before.await.unwrap(), Err("denied"));
    assert_eq!(after.await.unwrap(), Err("denied"));
    assert_eq!(house.counts().0, 1);
}
