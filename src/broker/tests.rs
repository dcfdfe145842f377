use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::catalog::testing::password;
use crate::catalog::{Credential, SignInMethod, Tenant};
use crate::clock::manual::ManualClock;
use crate::cloud::{
    AccessToken, Account, Activated, Activation, Approval, Approvals, Decision, FetchedKey,
    FetchedSecret, Freshness, Identity, Network, Pim, Reach, ReadError, Resource, SecretFacts,
    SignInGuide, Stage, StepUp, Vault,
};
use crate::policy::{Ask, End, Said, judge};
use crate::prompt::{Browser, Environment};
use crate::refusal::Service;
use crate::secret::vault_key::ToSign;
use fake::{Fake, Outcome};

mod ends;
mod fake;

struct House {
    broker: Arc<Broker>,
    fake: Arc<Fake>,
    clock: Arc<ManualClock>,
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Fake)) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), change)
    }

    fn in_folder(folder: TempDir, change: impl FnOnce(&mut Fake)) -> Self {
        let clock = Arc::new(ManualClock::new());
        let mut fake = Fake {
            clock: Arc::clone(&clock),
            activations: AtomicU32::new(0),
            tokens: AtomicU32::new(0),
            reads: AtomicU32::new(0),
            not_yet: AtomicU32::new(0),
            approval: None,
            provisioning: None,
            refusal: Mutex::default(),
            step_ups: Mutex::default(),
            step_up: Outcome::Satisfies,
            ends: AtomicU32::new(0),
            five_minutes: false,
        };
        change(&mut fake);
        let fake = Arc::new(fake);
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        // The broker surveys nothing.
        let network = Network::default();
        let nobody = Arc::new(Browser::new(Environment::default()));
        let connected =
            Cloud::connect(&network, Arc::clone(&time), Duration::ZERO, nobody).unwrap();
        let cloud = Cloud {
            identity: Arc::clone(&fake) as Arc<dyn Identity>,
            pim: Arc::clone(&fake) as Arc<dyn Pim>,
            approvals: Arc::clone(&fake) as Arc<dyn Approvals>,
            vault: Arc::clone(&fake) as Arc<dyn Vault>,
            reach: Arc::new(Reach::new(Arc::clone(&time))),
            survey: connected.survey,
        };
        let audit = Arc::new(Audit::open(folder.path(), Arc::clone(&time)).unwrap());
        let broker = Broker::new(cloud, time, audit, Limits::default(), Pace::default());
        Self {
            broker,
            fake,
            clock,
            folder,
        }
    }

    async fn ready(&self, name: &str) -> Result<(), &'static str> {
        let answer = self
            .broker
            .ready(
                &grant(name),
                CorrelationId::new(),
                &Requester::default(),
                &NoStages,
            )
            .await;
        answer.map(drop).map_err(|refusal| refusal.code())
    }

    fn ask(&self, name: &'static str) -> tokio::task::JoinHandle<Result<(), &'static str>> {
        let broker = Arc::clone(&self.broker);
        tokio::spawn(async move {
            let answer = broker
                .ready(
                    &grant(name),
                    CorrelationId::new(),
                    &Requester::default(),
                    &NoStages,
                )
                .await;
            answer.map(drop).map_err(|refusal| refusal.code())
        })
    }

    fn counts(&self) -> (u32, u32, u32) {
        let count = |counter: &AtomicU32| counter.load(Ordering::SeqCst);
        (
            count(&self.fake.activations),
            count(&self.fake.tokens),
            count(&self.fake.reads),
        )
    }

    fn events(&self) -> Vec<String> {
        events(self.folder.path())
    }
}

fn events(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("audit.jsonl")).unwrap();
    let event = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["event"].as_str().unwrap().to_owned()
    };
    text.lines().map(event).collect()
}

struct NoStages;

impl StageSink for NoStages {
    fn reached(&self, _: Stage) {}
}

fn grant(name: &str) -> Grant {
    let credential = Arc::new(password(name));
    let program = "test".to_owned();
    judge(Ask {
        credential,
        end: End::Reveal,
        program,
        said: Said::default(),
    })
    .unwrap()
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_hundred_askers_cause_one_activation_and_one_read() {
    let house = House::new();
    let answers = join_all((0..100).map(|_| house.ready("db"))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(house.counts(), (1, 1, 1));
}

#[tokio::test]
async fn a_second_credential_of_an_open_window_costs_one_read_and_nothing_else() {
    let house = House::new();
    house.ready("db").await.unwrap();
    house.ready("web").await.unwrap();
    assert_eq!(house.counts(), (1, 1, 2));
}

#[tokio::test]
async fn a_hangup_does_not_cancel_an_activation_others_wait_on() {
    let house = House::with(|fake| fake.approval = Some(Notify::new()));
    let first = house.ask("db");
    let second = house.ask("db");
    while house.counts().0 == 0 {
        tokio::task::yield_now().await;
    }
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    house.fake.approval.as_ref().unwrap().notify_one();
    assert_eq!(second.await.unwrap(), Ok(()));
    assert_eq!(house.counts(), (1, 1, 1));
}

#[tokio::test]
async fn an_asker_is_answered_in_time_and_the_next_attempt_joins_the_same_opening() {
    let house = House::with(|fake| fake.approval = Some(Notify::new()));
    let first = house.ask("db");
    house.clock.pass(Duration::from_secs(60)).await;
    assert_eq!(first.await.unwrap(), Err("awaiting_approval"));
    let second = house.ask("db");
    house.fake.approval.as_ref().unwrap().notify_one();
    assert_eq!(second.await.unwrap(), Ok(()));
    assert_eq!(house.counts(), (1, 1, 1));
}

#[tokio::test]
async fn a_vault_that_does_not_see_the_membership_is_asked_again_with_a_new_token() {
    let house = House::with(|fake| fake.not_yet = AtomicU32::new(2));
    let asked = house.ask("db");
    house.clock.pass(Duration::from_secs(2)).await;
    house.clock.pass(Duration::from_secs(4)).await;
    assert_eq!(asked.await.unwrap(), Ok(()));
    assert_eq!(house.counts(), (1, 3, 3));
}

#[tokio::test]
async fn a_vault_that_never_sees_the_membership_is_given_up_within_the_limit() {
    let house = House::with(|fake| fake.not_yet = AtomicU32::new(u32::MAX));
    let asked = house.ask("db");
    house.clock.pass(Duration::from_secs(60)).await;
    assert_eq!(asked.await.unwrap(), Err("not_usable_in_time"));
    let asked = house.ask("db");
    for _ in 0..30 {
        house.clock.jump(Duration::from_secs(15));
        tokio::task::yield_now().await;
    }
    assert!(matches!(
        asked.await.unwrap(),
        Err("forbidden" | "not_usable_in_time")
    ));
    let (activations, tokens, reads) = house.counts();
    assert_eq!((activations, tokens), (1, reads));
    assert!(reads < 30, "{reads}");
}

#[tokio::test]
async fn a_denial_is_given_again_for_a_while_without_asking_pim() {
    let denied = Refusal::Denied {
        window: "ops".to_owned(),
        status: "Denied".to_owned(),
    };
    let house = House::with(|fake| *fake.refusal.lock().unwrap() = Some(denied));
    assert_eq!(house.ready("db").await, Err("denied"));
    assert_eq!(house.ready("db").await, Err("denied"));
    assert_eq!(house.ready("web").await, Err("denied"));
    assert_eq!(house.counts().0, 1);
    *house.fake.refusal.lock().unwrap() = None;
    house.clock.jump(Duration::from_secs(11));
    assert_eq!(house.ready("db").await, Ok(()));
}

#[tokio::test]
async fn a_window_that_ended_is_activated_again_and_never_served_from_the_past() {
    let house = House::new();
    house.ready("db").await.unwrap();
    assert!(house.broker.with(&grant("db"), |_| ()).is_ok());
    house.clock.jump(HOUR);
    let late = house.broker.with(&grant("db"), |_| ());
    assert_eq!(late.unwrap_err().code(), "window_ended");
    house.ready("db").await.unwrap();
    assert_eq!(house.counts(), (2, 2, 2));
    assert_eq!(
        house.events(),
        ["opening", "opened", "closed", "opening", "opened"]
    );
}

#[tokio::test]
async fn the_sweeper_wipes_when_the_window_ends_and_nobody_asks() {
    let house = House::new();
    let broker = Arc::clone(&house.broker);
    let sweeper = tokio::spawn(async move { broker.sweep().await });
    house.ready("db").await.unwrap();
    house.clock.pass(HOUR).await;
    while house.events().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.events(), ["opening", "opened", "closed"]);
    sweeper.abort();
}

#[tokio::test]
async fn a_lock_that_comes_while_the_window_opens_wins() {
    let house = House::with(|fake| fake.approval = Some(Notify::new()));
    let asked = house.ask("db");
    while house.counts().0 == 0 {
        tokio::task::yield_now().await;
    }
    house.broker.lock();
    house.fake.approval.as_ref().unwrap().notify_one();
    assert_eq!(asked.await.unwrap(), Err("locked"));
    assert_eq!(house.ready("db").await, Err("locked"));
    house.broker.unlock();
    house.fake.approval.as_ref().unwrap().notify_one();
    assert_eq!(house.ready("db").await, Ok(()));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_is_asked_of_the_cloud_if_it_cannot_be_recorded() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("audit.jsonl")).unwrap();
    let house = House::in_folder(folder, |_| {});
    assert_eq!(house.ready("db").await, Err("audit_unwritable"));
    assert_eq!(house.counts(), (0, 0, 0));
}

fn house_that_steps_up(step_up: Outcome) -> House {
    House::with(|fake| {
        fake.step_up = step_up;
        *fake.refusal.lock().unwrap() = Some(Refusal::StepUp {
            tenant: "contoso".to_owned(),
            why: "its policy wants a stronger sign-in for this".to_owned(),
            claims: "{c1}".to_owned(),
        });
    })
}

#[tokio::test]
async fn an_activation_is_repeated_once_after_the_step_up_that_was_asked_for() {
    let house = house_that_steps_up(Outcome::Satisfies);
    assert_eq!(house.ready("db").await, Ok(()));
    assert_eq!(*house.fake.step_ups.lock().unwrap(), ["{c1}"]);
    assert_eq!(house.counts().0, 2);
}

#[tokio::test]
async fn a_step_up_that_does_not_satisfy_is_not_made_again() {
    let house = house_that_steps_up(Outcome::DoesNot);
    assert_eq!(house.ready("db").await, Err("step_up_failed"));
    assert_eq!(house.fake.step_ups.lock().unwrap().len(), 1);
    assert_eq!(house.counts().0, 2);
}

#[tokio::test]
async fn the_next_key_of_an_ssh_opens_no_second_page_until_somebody_has_signed_in() {
    let house = house_that_steps_up(Outcome::Fails);
    for name in ["db", "web", "db"] {
        assert_eq!(house.ready(name).await, Err("step_up_failed"));
    }
    assert_eq!(
        (house.counts().0, house.fake.step_ups.lock().unwrap().len()),
        (1, 1)
    );
    house.broker.signed_in(&Name::parse("elsewhere").unwrap());
    assert_eq!(house.ready("db").await, Err("step_up_failed"));
    house.broker.signed_in(&Name::parse("contoso").unwrap());
    *house.fake.refusal.lock().unwrap() = None;
    assert_eq!(house.ready("db").await, Ok(()));
}

#[tokio::test]
async fn how_long_a_vault_took_is_expected_the_next_time() {
    let house = House::with(|fake| fake.not_yet = AtomicU32::new(3));
    let asked = house.ask("db01");
    for seconds in [2, 4, 8] {
        house.clock.pass(Duration::from_secs(seconds)).await;
    }
    asked.await.unwrap().unwrap();
    let usual = house.broker.pace.usual(&password("db01").vault.window);
    assert_eq!(usual, Some(Duration::from_secs(14)));
}
