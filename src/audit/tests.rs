use proptest::prelude::*;

use super::*;
use crate::catalog::Name;
use crate::clock::SystemClock;
use crate::cloud::CorrelationId;
use crate::window::Closed;

fn event() -> Event {
    let window = Name::parse("ops").unwrap();
    Event::closed(
        &Closed {
            window,
            id: CorrelationId::new(),
            wiped: Vec::new(),
        },
        "ended",
    )
}

fn open(folder: &Path) -> io::Result<Audit> {
    Audit::open(folder, Arc::new(SystemClock))
}

fn text(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("audit.jsonl")).unwrap()
}

/// How many lines the chain has, which holds.
fn lines(folder: &Path) -> u64 {
    verify(text(folder).as_bytes()).unwrap().lines
}

#[test]
fn the_chain_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let audit = open(folder.path()).unwrap();
        audit.record(event()).unwrap();
        audit.record(event()).unwrap();
    }
    assert_eq!(lines(folder.path()), 4);
}

#[test]
fn a_line_torn_by_a_kill_is_cut_off_and_the_chain_holds() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).unwrap().record(event()).unwrap();
    let path = folder.path().join("audit.jsonl");
    let mut torn = std::fs::read(&path).unwrap();
    torn.extend_from_slice(b"{\"event\":\"rele");
    std::fs::write(&path, torn).unwrap();
    open(folder.path()).unwrap().record(event()).unwrap();
    assert_eq!(lines(folder.path()), 2);
}

#[test]
fn two_agents_cannot_write_the_same_record() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path()).unwrap();
    let second = open(folder.path()).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::ResourceBusy);
    first.record(event()).unwrap();
}

#[cfg(unix)]
#[test]
fn a_deleted_record_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path()).unwrap();
    std::fs::remove_file(folder.path().join("audit.jsonl")).unwrap();
    assert!(matches!(audit.record(event()), Err(Refusal::Audit(_))));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_not_a_silent_loss() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("audit.jsonl")).unwrap();
    let audit = open(folder.path()).unwrap();
    assert!(matches!(audit.record(event()), Err(Refusal::Audit(_))));
}

#[cfg(unix)]
#[test]
fn the_record_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("audit");
    let _audit = open(&inner).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner.join("audit.jsonl")), 0o600);
    assert_eq!(mode(&inner), 0o700);
}

#[tokio::test]
async fn a_synced_record_is_there_when_the_call_returns() {
    let folder = tempfile::tempdir().unwrap();
    let audit = Arc::new(open(folder.path()).unwrap());
    audit.record_synced(event()).await.unwrap();
    assert_eq!(lines(folder.path()), 1);
    assert!(!audit.unsynced.load(Ordering::Acquire));
    assert!(audit.clock.now().as_duration() > Duration::ZERO);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_changed_byte_removed_or_swapped_line_is_found(at in 0usize..4, byte in 0usize..200, how in 0u8..3) {
        let folder = tempfile::tempdir().unwrap();
        let audit = open(folder.path()).unwrap();
        for _ in 0..5 {
            audit.record(event()).unwrap();
        }
        let text = text(folder.path());
        let mut lines: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
        match how {
            0 => {
                let byte = byte % lines[at].len();
                lines[at][byte] ^= 1;
            }
            1 => { lines.remove(at); }
            _ => lines.swap(at, at + 1),
        }
        let mut changed = lines.join(&b'\n');
        changed.push(b'\n');
        let found = String::from_utf8(changed).map_err(|_| ()).and_then(|text| verify(text.as_bytes()).map_err(|_| ()));
        prop_assert!(found.is_err());
    }
}

/// An ask by a client that has chosen a text of any length.
fn asked(namespace: String) -> Event {
    use crate::catalog::testing::key;
    use crate::policy::{Ask, End, Route, Said, Signed};
    let ask = Ask {
        credential: Arc::new(key("web")),
        end: End::Sign {
            what: Signed::SshSig { namespace },
            route: Route::Unbound,
        },
        program: "ssh-keygen".to_owned(),
        said: Said::default(),
    };
    Event::asked(
        CorrelationId::new(),
        &ask,
        &crate::requester::Requester::default(),
    )
}

#[test]
fn no_text_of_a_client_makes_a_line_that_is_not_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for namespace in [
        "n".repeat(200_000),
        "\u{1}".repeat(200_000),
        "é".repeat(100_000),
    ] {
        let audit = open(folder.path()).unwrap();
        audit.record(asked(namespace)).unwrap();
    }
    assert_eq!(lines(folder.path()), 3);
    let longest = text(folder.path()).lines().map(str::len).max().unwrap();
    assert!(longest < 10_000, "{longest}");
    // After a restart the chain goes on behind such a line.
    open(folder.path()).unwrap().record(event()).unwrap();
    assert_eq!(lines(folder.path()), 4);
}

#[test]
fn a_list_of_more_than_a_record_holds_is_seen_to_be_cut() {
    let recorded = |count: usize| {
        let end = crate::policy::End::Certify {
            names: vec!["web".to_owned(); count],
            key: "SHA256:x".to_owned(),
        };
        let nobody = crate::requester::Requester::default();
        let id = CorrelationId::new();
        let signing = Event::signing(id, "SHA256:y", Holder::Added, &end, &nobody);
        signing.into_fields()["names"].as_array().unwrap().clone()
    };
    assert_eq!(recorded(256), vec![Value::from("web"); 256]);
    let cut = recorded(257);
    assert_eq!((cut.len(), cut.last().unwrap()), (257, &"…".into()));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn nothing_is_recorded_any_more_once_the_disk_has_not_kept_a_line() {
    let folder = tempfile::tempdir().unwrap();
    // It takes what is written, and cannot be synced.
    std::os::unix::fs::symlink("/dev/null", folder.path().join("audit.jsonl")).unwrap();
    let audit = Arc::new(open(folder.path()).unwrap());
    audit.record(event()).unwrap();
    assert!(matches!(
        audit.record_synced(event()).await,
        Err(Refusal::Audit(_))
    ));
    let Err(Refusal::Audit(why)) = audit.record(event()) else {
        panic!("it was recorded")
    };
    assert!(
        why.contains("did not keep what was written before"),
        "{why}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_failed_write_has_left_is_cut_off_before_the_next_line() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path()).unwrap();
    audit.record(event()).unwrap();
    {
        let mut log = audit.log();
        log.file.write_all(b"{\"event\":\"rele").unwrap();
        log.torn = true;
    }
    audit.record(event()).unwrap();
    assert_eq!(lines(folder.path()), 2);
}
