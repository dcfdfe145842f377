use super::*;
use crate::catalog::testing::{password, vault};
use crate::clock::manual::ManualClock;

/// A clock whose wall moves as well.
#[derive(Debug)]
struct Calendar(ManualClock);

#[async_trait]
impl Clock for Calendar {
    fn now(&self) -> crate::clock::Moment {
        self.0.now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.0.now().as_duration()
    }

    async fn sleep_until(&self, at: crate::clock::Moment) {
        self.0.sleep_until(at).await;
    }
}

struct Shelf {
    folder: tempfile::TempDir,
    clock: Arc<Calendar>,
}

impl Shelf {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(Calendar(ManualClock::new())),
        }
    }

    fn ages(&self) -> Ages {
        Ages::open(
            self.folder.path(),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
        )
    }

    fn pass(&self, days: u64) {
        self.clock.0.jump(Duration::from_secs(days * 24 * 3600));
    }

    /// A secret that was made now, and lives so many days.
    fn facts(&self, lives: Option<i64>) -> SecretFacts {
        let now = self.clock.wall();
        SecretFacts {
            name: "db".to_owned(),
            version: "v1".to_owned(),
            enabled: true,
            managed: false,
            not_before: None,
            expires: lives.map(|days| now + DAY * i32::try_from(days).unwrap()),
            created: Some(now),
            content_type: None,
            tags: BTreeMap::new(),
        }
    }
}

fn rotated(after: Option<i64>) -> Credential {
    let mut credential = password("db");
    credential.rotate_after = after.map(|days| DAY * i32::try_from(days).unwrap());
    credential
}

#[test]
fn a_secret_is_due_a_month_before_it_expires_and_expired_after_it() {
    let shelf = Shelf::new();
    let (ages, credential) = (shelf.ages(), rotated(None));
    assert_eq!(ages.of(&credential).state, State::Unknown);
    ages.note(&credential, &shelf.facts(Some(100)));
    for (days, state) in [
        (0, State::Fresh),
        (69, State::Fresh),
        (2, State::Due),
        (28, State::Due),
        (1, State::Expired),
    ] {
        shelf.pass(days);
        assert_eq!(
            ages.of(&credential).state,
            state,
            "{:?}",
            ages.of(&credential)
        );
    }
}

#[test]
fn a_secret_is_due_when_it_is_older_than_said_of_it_or_its_tag_or_its_vault_in_that_order() {
    let shelf = Shelf::new();
    let ages = shelf.ages();
    let tagged = |tag: &str| SecretFacts {
        tags: BTreeMap::from([(TAG.to_owned(), tag.to_owned())]),
        ..shelf.facts(None)
    };
    let in_vault = |days: Option<i64>, mut credential: Credential| {
        let of = vault("ops");
        let mut of = Arc::into_inner(of).unwrap();
        of.rotate_after = days.map(|days| DAY * i32::try_from(days).unwrap());
        credential.vault = Arc::new(of);
        credential
    };
    let cases = [
        (
            in_vault(Some(5), rotated(None)),
            shelf.facts(None),
            State::Due,
        ),
        (
            in_vault(Some(50), rotated(None)),
            shelf.facts(None),
            State::Fresh,
        ),
        (
            in_vault(Some(5), rotated(None)),
            tagged("50d"),
            State::Fresh,
        ),
        (in_vault(Some(50), rotated(None)), tagged("5d"), State::Due),
        (
            in_vault(Some(5), rotated(Some(50))),
            tagged("5d"),
            State::Fresh,
        ),
        (rotated(Some(5)), tagged("50d"), State::Due),
        (rotated(None), tagged("soon"), State::Fresh),
        (rotated(None), shelf.facts(None), State::Fresh),
    ];
    shelf.pass(6);
    for (credential, facts, state) in cases {
        // Made six days ago.
        ages.note(&credential, &facts);
        assert_eq!(ages.of(&credential).state, state, "{credential:?}");
    }
}

#[cfg(unix)]
#[test]
fn what_is_known_outlives_the_agent_and_nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let shelf = Shelf::new();
    let credential = rotated(None);
    shelf.ages().note(&credential, &shelf.facts(Some(10)));
    assert_eq!(shelf.ages().of(&credential).state, State::Due);
    let file = shelf.folder.path().join("ages.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Half a file, or somebody else's, is none.
    std::fs::write(&file, "{\"ages\": {").unwrap();
    assert_eq!(shelf.ages().of(&credential).state, State::Unknown);
}

#[test]
fn what_is_known_of_one_secret_is_not_said_of_another_under_the_same_name() {
    let shelf = Shelf::new();
    let ages = shelf.ages();
    ages.note(&rotated(None), &shelf.facts(Some(10)));
    let mut other = rotated(None);
    other.object = VaultObject::Secret(crate::catalog::ObjectName::parse("db-new").unwrap());
    assert_eq!(ages.of(&other).state, State::Unknown);
}

#[test]
fn a_notice_names_the_first_and_counts_the_others() {
    let aged = |name: &str, state| Aged {
        credential: name.to_owned(),
        state,
        reason: "it expires on 1970-02-01".to_owned(),
        age: None,
    };
    let fresh = [aged("a", State::Fresh), aged("b", State::Unknown)];
    assert_eq!(notice(fresh.into_iter()), None);
    let due = [
        aged("a", State::Fresh),
        aged("b", State::Due),
        aged("c", State::Expired),
    ];
    assert_eq!(
        notice(due.into_iter()).as_deref(),
        Some(
            "b: it expires on 1970-02-01; and 1 more. `pimento status --stale` lists what is due."
        )
    );
}
