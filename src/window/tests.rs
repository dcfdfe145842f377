use std::time::Duration;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::catalog::testing::{password, vault};
use crate::policy::{Ask, End, Said, judge};
use crate::secret::Password;

fn at(seconds: u64) -> Moment {
    Moment::since_boot(Duration::from_secs(seconds))
}

fn terms(until: u64) -> Terms {
    let (id, ends) = (CorrelationId::new(), Timestamp::UNIX_EPOCH);
    Terms {
        until: at(until),
        ends,
        id,
        request: None,
    }
}

fn material() -> Material {
    Material::Password(Password::parse(Zeroizing::new(b"s3cret".to_vec())).unwrap())
}

fn grant(credential: &Arc<Credential>) -> Grant {
    let credential = Arc::clone(credential);
    let program = "test".to_owned();
    judge(Ask {
        credential,
        end: End::Reveal,
        program,
        said: Said::default(),
    })
    .unwrap()
}

/// Windows with `credential` held from 10 to 20.
fn held(credential: &Credential) -> Windows {
    let mut windows = Windows::default();
    let window = &credential.vault.window.name;
    let since = windows.since(window);
    windows.open(window, terms(20), since, at(10)).unwrap();
    windows
        .admit(credential, material(), "v1".to_owned(), None, at(10))
        .unwrap();
    windows
}

fn code<T>(answer: Result<T, Refusal>) -> Result<T, &'static str> {
    answer.map_err(|refusal| refusal.code())
}

#[test]
fn material_is_refused_from_the_very_moment_its_window_ends_without_any_sweep() {
    let credential = Arc::new(password("db"));
    let windows = held(&credential);
    let grant = grant(&credential);
    assert_eq!(code(windows.with(&grant, at(19), |_| ())), Ok(()));
    assert_eq!(
        code(windows.with(&grant, at(20), |_| ())),
        Err("window_ended")
    );
    assert!(!windows.holds(&credential, at(20)));
    assert_eq!(windows.terms(&credential.vault.window.name, at(20)), None);
}

#[test]
fn a_sweep_drops_what_has_ended_and_names_the_next_deadline() {
    let credential = password("db");
    let mut windows = held(&credential);
    assert_eq!(windows.expire(at(19)).next, Some(at(20)));
    let sweep = windows.expire(at(20));
    assert_eq!(sweep.closed[0].wiped, [credential.name]);
    assert_eq!(sweep.next, None);
}

#[test]
fn a_secret_that_expires_before_its_window_is_dropped_alone() {
    let credential = Arc::new(password("db"));
    let mut windows = held(&credential);
    windows
        .admit(
            &credential,
            material(),
            "v2".to_owned(),
            Some(at(15)),
            at(10),
        )
        .unwrap();
    assert_eq!(
        code(windows.with(&grant(&credential), at(15), |_| ())),
        Err("window_ended")
    );
    let sweep = windows.expire(at(15));
    assert_eq!((sweep.closed.len(), sweep.wiped.len()), (0, 1));
    assert_eq!(sweep.next, Some(at(20)));
}

#[test]
fn material_that_arrives_after_the_window_or_a_lock_is_not_admitted() {
    let credential = password("db");
    let mut windows = held(&credential);
    let late = windows.admit(&credential, material(), "v1".to_owned(), None, at(20));
    assert_eq!(code(late), Err("window_ended"));
    windows.lock();
    let locked = windows.admit(&credential, material(), "v1".to_owned(), None, at(11));
    assert_eq!(code(locked), Err("locked"));
    windows.unlock();
    let unopened = windows.admit(&credential, material(), "v1".to_owned(), None, at(11));
    assert_eq!(code(unopened), Err("window_ended"));
}

#[test]
fn a_lock_wipes_and_refuses_until_it_is_lifted() {
    let credential = Arc::new(password("db"));
    let mut windows = held(&credential);
    assert_eq!(windows.lock().len(), 1);
    assert_eq!(
        code(windows.with(&grant(&credential), at(11), |_| ())),
        Err("locked")
    );
    let window = &vault("ops").window.name;
    let since = windows.since(window);
    assert_eq!(
        code(windows.open(window, terms(20), since, at(11))),
        Err("locked")
    );
    windows.unlock();
    assert_eq!(
        code(windows.with(&grant(&credential), at(11), |_| ())),
        Err("window_ended")
    );
}

#[test]
fn the_vault_token_goes_with_the_window() {
    let credential = password("db");
    let window = &credential.vault.window.name;
    let mut windows = held(&credential);
    let token = Arc::new(AccessToken {
        secret: "t".into(),
        expires: at(5000),
    });
    windows.keep_token(window, Arc::clone(&token));
    assert!(windows.token(window, at(19)).is_some());
    assert!(windows.token(window, at(20)).is_none());
    windows.expire(at(20));
    assert_eq!(Arc::strong_count(&token), 1);
}

#[test]
fn an_opening_that_began_before_its_window_was_closed_or_all_were_locked_opens_nothing() {
    let name = &vault("ops").window.name;
    let ends: [fn(&mut Windows, &Name); 3] = [
        |windows, name| windows.abandon(name),
        |windows, _| {
            windows.close_all();
        },
        |windows, _| {
            windows.lock();
            windows.unlock();
        },
    ];
    for end in ends {
        let mut windows = Windows::default();
        let since = windows.since(name);
        end(&mut windows, name);
        let opened = windows.open(name, terms(20), since, at(10));
        assert_eq!(code(opened), Err("window_ended"));
        // One that begins then does.
        let since = windows.since(name);
        assert!(windows.open(name, terms(20), since, at(10)).is_ok());
    }
}

#[test]
fn the_end_of_a_window_by_itself_abandons_no_opening_that_is_to_follow() {
    let credential = password("db");
    let mut windows = held(&credential);
    let name = &credential.vault.window.name;
    let since = windows.since(name);
    windows.expire(at(20));
    assert!(windows.open(name, terms(30), since, at(20)).is_ok());
}

#[test]
fn a_window_that_has_ended_already_is_not_opened() {
    let mut windows = Windows::default();
    let name = &vault("ops").window.name;
    let since = windows.since(name);
    assert_eq!(
        code(windows.open(name, terms(10), since, at(10))),
        Err("window_ended")
    );
    assert!(windows.views(at(9)).is_empty());
}

/// What may happen to windows.
#[derive(Clone, Debug)]
enum Step {
    Open { lasts: u64 },
    Admit { which: usize, valid: Option<u64> },
    Pass(u64),
    Close,
    Lock,
    Unlock,
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..30u64).prop_map(|lasts| Step::Open { lasts }),
        (0..3usize, proptest::option::of(0..30u64))
            .prop_map(|(which, valid)| Step::Admit { which, valid }),
        (0..40u64).prop_map(Step::Pass),
        Just(Step::Close),
        Just(Step::Lock),
        Just(Step::Unlock),
        Just(Step::Sweep),
    ]
}

proptest! {
    /// The model: the end of the window, and the end of each credential, as plain numbers.
    #[test]
    fn material_can_be_used_exactly_while_the_model_says_so(steps in proptest::collection::vec(step(), 0..40)) {
        let credentials: Vec<_> = ["a", "b", "c"].map(|name| Arc::new(password(name))).into();
        let window = credentials[0].vault.window.name.clone();
        let mut windows = Windows::default();
        let (mut now, mut locked) = (100, false);
        let mut until: Option<u64> = None;
        let mut ends = [0u64; 3];
        for step in steps {
            let open = until.filter(|until| *until > now);
            match step {
                Step::Open { lasts } => {
                    let since = windows.since(&window);
                    let opened = windows.open(&window, terms(now + lasts), since, at(now)).is_ok();
                    prop_assert_eq!(opened, !locked && lasts > 0);
                    if opened {
                        // An ended window that no sweep has dropped yet must not come back to life.
                        if open.is_none() { ends = [0; 3]; }
                        until = Some(now + lasts);
                    }
                }
                Step::Admit { which, valid } => {
                    let valid = valid.map(|valid| now + valid);
                    let version = "v".to_owned();
                    let admitted = windows
                        .admit(&credentials[which], material(), version, valid.map(at), at(now))
                        .is_ok();
                    let end = open.map(|until| valid.unwrap_or(until).min(until));
                    prop_assert_eq!(admitted, !locked && end.is_some_and(|end| end > now));
                    if admitted { ends[which] = end.unwrap_or_default(); }
                }
                Step::Pass(seconds) => now += seconds,
                Step::Close => { windows.close(&window); until = None; ends = [0; 3]; }
                Step::Lock => { windows.lock(); locked = true; until = None; ends = [0; 3]; }
                Step::Unlock => { windows.unlock(); locked = false; }
                Step::Sweep => { windows.expire(at(now)); }
            }
            for (credential, end) in credentials.iter().zip(ends) {
                let usable = windows.with(&grant(credential), at(now), |_| ()).is_ok();
                prop_assert_eq!(usable, !locked && until.is_some_and(|until| until > now) && end > now);
            }
        }
    }
}
