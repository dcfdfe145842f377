use super::*;
use crate::agent::bind::tests::an_ed25519_host;
use crate::agent::bind::tests::{public_blob, ssh_keygen};
use crate::clock::manual::ManualClock;
use crate::secret::private_key::tests::added_by_ssh_add;
use crate::wire::put_string;

struct Desk {
    clock: Arc<ManualClock>,
    keyring: Keyring,
}

fn desk(lifetime: Option<Duration>) -> Desk {
    let clock = Arc::new(ManualClock::new());
    let keyring = Keyring::new(clock.clone() as Arc<dyn Clock>, lifetime);
    Desk { clock, keyring }
}

/// The content of an ADD message for a new key, and the key's blob.
fn added(kind: &str, comment: &str) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    ssh_keygen(folder.path(), &["-q", "-t", kind, "-N", "", "-f", "key"]);
    let mut content = added_by_ssh_add(&folder.path().join("key"));
    put_string(&mut content, comment.as_bytes());
    (content, public_blob(&folder.path().join("key.pub")))
}

impl Desk {
    fn add(&self, content: &[u8]) -> Result<(), AddProblem> {
        self.keyring
            .add(content, &Bound::default(), |_| false)
            .map(drop)
    }

    fn listed(&self) -> Vec<(Vec<u8>, String)> {
        let mut out = Vec::new();
        self.keyring.list(&Bound::default(), &mut out);
        out.into_iter()
            .map(|key| (key.key_blob.to_vec(), key.comment_text().into_owned()))
            .collect()
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn keys_are_listed_in_the_order_in_which_they_came() {
    let desk = desk(None);
    let (first, second) = (added("ed25519", "a"), added("ecdsa", "b"));
    desk.add(&first.0).unwrap();
    desk.add(&second.0).unwrap();
    let expected = [(first.1, "a".to_owned()), (second.1, "b".to_owned())];
    assert_eq!(desk.listed(), expected);
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_key_that_comes_again_gets_the_new_comment_and_constraints() {
    let desk = desk(None);
    let (content, blob) = added("ed25519", "old");
    desk.add(&[content.clone(), vec![2]].concat()).unwrap();
    assert!(desk.keyring.find(&blob).unwrap().constraints.confirm);
    let again = [&content[..content.len() - 3], b"new"].concat();
    desk.add(&again).unwrap();
    assert!(!desk.keyring.find(&blob).unwrap().constraints.confirm);
    assert_eq!(desk.listed(), [(blob, "new".to_owned())]);
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_constraint_that_is_not_understood_adds_nothing_and_changes_nothing() {
    let desk = desk(None);
    let (content, blob) = added("ed25519", "a");
    let unknown = [content.clone(), vec![9]].concat();
    assert_eq!(desk.add(&unknown), Err(AddProblem::Constraint));
    assert!(desk.listed().is_empty());
    desk.add(&content).unwrap();
    assert_eq!(desk.add(&unknown), Err(AddProblem::Constraint));
    assert!(desk.keyring.find(&blob).is_some());
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn what_is_no_whole_key_is_not_added() {
    let desk = desk(None);
    let (content, _) = added("ed25519", "a");
    for cut in 0..content.len() {
        assert!(desk.add(&content[..cut]).is_err(), "{cut}");
    }
    for kind in ["ssh-dss", "sk-ssh-ed25519@openssh.com", "ssh-rot13"] {
        let mut content = Vec::new();
        put_string(&mut content, kind.as_bytes());
        assert!(
            matches!(desk.add(&content), Err(AddProblem::Key(_))),
            "{kind}"
        );
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_key_of_the_configuration_cannot_be_added() {
    let desk = desk(None);
    let (content, blob) = added("ed25519", "a");
    let refused = desk
        .keyring
        .add(&content, &Bound::default(), |added| added == blob);
    assert_eq!(refused.unwrap_err(), AddProblem::Configured);
    // Nor by a constraint that only another agent would understand.
    let unknown = [&content[..], &[200, 1, 2, 3]].concat();
    let refused = desk
        .keyring
        .add(&unknown, &Bound::default(), |added| added == blob);
    assert_eq!(refused.unwrap_err(), AddProblem::Configured);
    assert_eq!(desk.add(&unknown), Err(AddProblem::Constraint));
    assert!(desk.keyring.is_empty());
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_key_is_gone_from_the_very_moment_its_lifetime_ends_without_any_sweep() {
    let desk = desk(Some(Duration::from_secs(60)));
    let (with_own, own) = added("ed25519", "own");
    desk.add(&[with_own, vec![1, 0, 0, 0, 10]].concat())
        .unwrap();
    let (with_default, default) = added("ed25519", "default");
    desk.add(&with_default).unwrap();
    desk.clock.jump(Duration::from_secs(9));
    assert!(desk.keyring.find(&own).is_some());
    desk.clock.jump(Duration::from_secs(1));
    assert!(desk.keyring.find(&own).is_none());
    assert!(!desk.keyring.remove(&own, &Bound::default()));
    assert_eq!(desk.listed(), [(default, "default".to_owned())]);
    desk.clock.jump(Duration::from_secs(50));
    assert!(desk.listed().is_empty());
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn the_sweeper_wipes_a_key_that_nobody_asks_for() {
    let desk = desk(None);
    let keyring = Arc::new(desk.keyring);
    let sweeping = tokio::spawn({
        let keyring = Arc::clone(&keyring);
        async move { keyring.sweep().await }
    });
    let (content, blob) = added("ed25519", "a");
    let content = [content, vec![1, 0, 0, 0, 10]].concat();
    keyring
        .add(&content, &Bound::default(), |_| false)
        .map(drop)
        .unwrap();
    let held = Arc::downgrade(&keyring.find(&blob).unwrap());
    desk.clock.pass(Duration::from_secs(10)).await;
    while held.upgrade().is_some() {
        tokio::task::yield_now().await;
    }
    sweeping.abort();
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_removed_key_is_gone_and_cannot_be_removed_again() {
    let desk = desk(None);
    let ((first, blob), (second, other)) = (added("ed25519", "a"), added("ed25519", "b"));
    desk.add(&first).unwrap();
    desk.add(&second).unwrap();
    assert!(desk.keyring.remove(&blob, &Bound::default()));
    assert!(!desk.keyring.remove(&blob, &Bound::default()));
    assert!(desk.keyring.find(&other).is_some());
    desk.keyring.remove_all();
    assert!(desk.keyring.is_empty());
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_restricted_key_is_hidden_where_it_may_not_go() {
    let desk = desk(None);
    let (host, other) = (an_ed25519_host(), an_ed25519_host());
    let (mut content, blob) = added("ed25519", "a");
    let mut leg = Vec::new();
    let mut to = vec![0, 0, 0, 0, 0, 0, 0, 1, b'h', 0, 0, 0, 0];
    put_string(&mut to, &host.blob);
    to.push(0);
    for part in [&[0; 12][..], &to, b""] {
        put_string(&mut leg, part);
    }
    let mut legs = Vec::new();
    put_string(&mut legs, &leg);
    content.push(255);
    put_string(&mut content, b"restrict-destination-v00@openssh.com");
    put_string(&mut content, &legs);
    desk.add(&content).unwrap();
    let listed = |host: &crate::agent::bind::tests::Host| {
        let mut out = Vec::new();
        let bound = crate::agent::bind::tests::bound(&[host.binding(b"1", 0)]);
        desk.keyring.list(&bound, &mut out);
        out.len()
    };
    assert_eq!((listed(&host), listed(&other)), (1, 0));
    // Where it is hidden, it can neither be replaced nor removed.
    let elsewhere = crate::agent::bind::tests::bound(&[other.binding(b"1", 0)]);
    let again = desk.keyring.add(&content, &elsewhere, |_| false);
    assert_eq!(again.unwrap_err(), AddProblem::Hidden);
    assert!(!desk.keyring.remove(&blob, &elsewhere));
    assert!(desk.keyring.remove(&blob, &Bound::default()));
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_comment_is_kept_as_it_is_unless_it_would_break_the_list() {
    let desk = desk(None);
    let (content, blob) = added("ed25519", "with\nline\tend");
    desk.add(&content).unwrap();
    assert_eq!(desk.listed(), [(blob, "with\nline\tend".to_owned())]);
    let (broken, _) = added("ed25519", "a\0b");
    assert_eq!(desk.add(&broken), Err(AddProblem::Comment));
    assert_eq!(desk.listed().len(), 1);
}
