use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::task::{JoinHandle, JoinSet};

use super::*;
use crate::agent::bind::tests::an_ed25519_host;
use crate::agent::bind::tests::{public_blob, ssh_keygen};
use crate::agent::message::Response;
use crate::agent::service::Client;
use crate::agent::{Service, serve_all};
use crate::clock::{Clock, SystemClock};
use crate::house::Standalone;
use crate::known_hosts::KnownHosts;
use crate::listen::Door;
use crate::prompt::{Desktop, Environment, Settings};
use crate::requester::{Caller, Requester};
use crate::secret::private_key::tests::added_by_ssh_add;
use crate::wire::put_string;

fn service() -> Service {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let nobody = Desktop::new(
        &Settings::default(),
        Environment::default(),
        Arc::clone(&clock),
    );
    let house = Standalone {
        prompter: Arc::new(nobody),
        known_hosts: KnownHosts::default(),
        clock: Arc::clone(&clock),
    };
    Service::new(Arc::new(house), clock, Arc::default())
}

/// Another agent on a socket, and one of ours in front of it.
struct Two {
    folder: tempfile::TempDir,
    front: Service,
    behind: Arc<Service>,
    serving: JoinHandle<()>,
}

fn two() -> Two {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let door = Door::bind_anywhere(&socket).unwrap();
    let behind = Arc::new(service());
    let serving = tokio::spawn({
        let behind = Arc::clone(&behind);
        async move { serve_all(&behind, &door, &mut JoinSet::new()).await }
    });
    let mut front = service();
    front.upstream = Some(Arc::new(Upstream::new(socket)));
    Two {
        folder,
        front,
        behind,
        serving,
    }
}

fn client(caller: &Caller) -> Client<'_> {
    Client {
        caller,
        bound: Bound::default(),
        link: Link::default(),
    }
}

/// The content of an ADD message for a new key, and the key's blob.
fn new_key(comment: &str) -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    ssh_keygen(
        folder.path(),
        &["-q", "-t", "ed25519", "-N", "", "-f", "key"],
    );
    let mut content = added_by_ssh_add(&folder.path().join("key"));
    put_string(&mut content, comment.as_bytes());
    (content, public_blob(&folder.path().join("key.pub")))
}

async fn comments(service: &Service, client: &mut Client<'_>) -> Vec<String> {
    let Response::Identities(listed) = service.answer(&[11], client).await else {
        panic!("no list");
    };
    listed
        .iter()
        .map(|identity| identity.comment_text().into_owned())
        .collect()
}

/// Whether it was signed, by whoever has the key.
async fn signs(service: &Service, key_blob: &[u8], client: &mut Client<'_>) -> bool {
    let message = Request::Sign {
        key_blob,
        data: b"data",
        flags: 0,
    }
    .encode();
    let response = service.answer(&message, client).await.encode();
    response.first() == Some(&14)
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn its_keys_come_after_ours_and_sign() {
    let two = two();
    let (theirs, ours) = (new_key("theirs"), new_key("ours"));
    two.behind
        .keyring
        .add(&theirs.0, &Bound::default(), |_| false)
        .map(drop)
        .unwrap();
    two.front
        .keyring
        .add(&ours.0, &Bound::default(), |_| false)
        .map(drop)
        .unwrap();
    let caller = Caller::from(Requester::default());
    let mut client = client(&caller);
    assert_eq!(comments(&two.front, &mut client).await, ["ours", "theirs"]);
    assert!(signs(&two.front, &theirs.1, &mut client).await);
    assert!(signs(&two.front, &ours.1, &mut client).await);
    assert!(!signs(&two.front, b"nobody's", &mut client).await);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn a_key_that_both_have_is_listed_once() {
    let two = two();
    let (content, _) = new_key("both");
    for service in [&two.front, &*two.behind] {
        service
            .keyring
            .add(&content, &Bound::default(), |_| false)
            .map(drop)
            .unwrap();
    }
    let caller = Caller::from(Requester::default());
    assert_eq!(comments(&two.front, &mut client(&caller)).await, ["both"]);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn its_own_rules_see_the_hosts_that_ours_see() {
    let two = two();
    let (host, other) = (an_ed25519_host(), an_ed25519_host());
    let (mut content, _) = new_key("restricted");
    let mut to = vec![0, 0, 0, 0, 0, 0, 0, 1, b'h', 0, 0, 0, 0];
    put_string(&mut to, &host.blob);
    to.push(0);
    let (mut leg, mut legs) = (Vec::new(), Vec::new());
    for part in [&[0; 12][..], &to, b""] {
        put_string(&mut leg, part);
    }
    put_string(&mut legs, &leg);
    content.push(255);
    put_string(&mut content, b"restrict-destination-v00@openssh.com");
    put_string(&mut content, &legs);
    two.behind
        .keyring
        .add(&content, &Bound::default(), |_| false)
        .map(drop)
        .unwrap();
    let caller = Caller::from(Requester::default());
    for (host, expected) in [(&host, 1), (&other, 0)] {
        let mut client = client(&caller);
        assert_eq!(comments(&two.front, &mut client).await.len(), 1);
        let bind = host.binding(b"session", 0);
        let bind = Request::SessionBind(&bind).encode();
        assert_eq!(
            two.front.answer(&bind, &mut client).await,
            Response::Success
        );
        assert_eq!(comments(&two.front, &mut client).await.len(), expected);
    }
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn what_we_do_not_take_is_passed_on_and_its_no_is_ours() {
    let two = two();
    let caller = Caller::from(Requester::default());
    let mut client = client(&caller);
    for message in [&[20, 0, 0, 0, 0, 0, 0, 0, 0][..], &[200], &[17, 0, 0, 0, 0]] {
        assert_eq!(two.front.answer(message, &mut client).await.encode(), [5]);
    }
    let (content, blob) = new_key("theirs");
    two.behind
        .keyring
        .add(&content, &Bound::default(), |_| false)
        .map(drop)
        .unwrap();
    let remove = Request::Remove(&blob).encode();
    assert_eq!(two.front.answer(&remove, &mut client).await.encode(), [6]);
    assert!(two.behind.keyring.is_empty());
    two.behind
        .keyring
        .add(&content, &Bound::default(), |_| false)
        .map(drop)
        .unwrap();
    assert_eq!(two.front.forget(&mut client).await, Response::Success);
    assert!(two.behind.keyring.is_empty());
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn its_failure_never_takes_ours_down() {
    let two = two();
    let (content, blob) = new_key("ours");
    two.front
        .keyring
        .add(&content, &Bound::default(), |_| false)
        .map(drop)
        .unwrap();
    let caller = Caller::from(Requester::default());
    let mut client = client(&caller);
    assert_eq!(comments(&two.front, &mut client).await, ["ours"]);
    two.serving.abort();
    assert!(two.serving.await.unwrap_err().is_cancelled());
    assert_eq!(comments(&two.front, &mut client).await, ["ours"]);
    assert!(signs(&two.front, &blob, &mut client).await);
    assert!(!signs(&two.front, b"theirs", &mut client).await);
    assert!(two.front.upstream.as_ref().unwrap().problem().is_some());
    assert_eq!(two.front.forget(&mut client).await, Response::Success);
    drop(two.folder);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn one_that_hangs_does_not_hold_up_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let door = Door::bind_anywhere(&socket).unwrap();
    let mut front = service();
    front.upstream = Some(Arc::new(Upstream::new(socket)));
    let caller = Caller::from(Requester::default());
    let mut client = client(&caller);
    let (content, _) = new_key("ours");
    front
        .keyring
        .add(&content, &Bound::default(), |_| false)
        .map(drop)
        .unwrap();
    let (listed, connection) = tokio::join!(comments(&front, &mut client), async {
        let mut connection = door.accept().await;
        let mut asked = [0; 5];
        connection.stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, [0, 0, 0, 1, 11]);
        connection
    });
    assert_eq!(listed, ["ours"]);
    assert!(front.upstream.as_ref().unwrap().problem().is_some());
    drop(connection);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn nothing_is_passed_on_once_more_bindings_came_than_are_kept() {
    let two = two();
    let caller = Caller::from(Requester::default());
    let mut client = client(&caller);
    for _ in 0..=MOST_BINDINGS {
        assert_eq!(
            two.front
                .answer(&Request::SessionBind(b"x").encode(), &mut client)
                .await
                .encode(),
            [28]
        );
    }
    let (content, _) = new_key("theirs");
    two.behind
        .keyring
        .add(&content, &Bound::default(), |_| false)
        .map(drop)
        .unwrap();
    assert!(comments(&two.front, &mut client).await.is_empty());
}

/// One more than are kept.
const MOST_BINDINGS: usize = 33;

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn a_key_that_our_own_rules_refuse_is_not_given_to_the_other_agent() {
    let two = two();
    let caller = Caller::from(Requester::default());
    let add = |comment: &str| [&[17][..], &new_key(comment).0].concat();
    let refused = two.front.answer(&add("a\0b"), &mut client(&caller)).await;
    assert_eq!(refused.encode(), [5]);
    assert!(comments(&two.behind, &mut client(&caller)).await.is_empty());
    let taken = two.front.answer(&add("mine"), &mut client(&caller)).await;
    assert_eq!(taken.encode(), [6]);
    assert!(comments(&two.behind, &mut client(&caller)).await.is_empty());
}
