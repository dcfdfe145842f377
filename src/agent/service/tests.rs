use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::agent::Identity;
use crate::agent::bind::tests::{public_blob, ssh_keygen};
use crate::clock::manual::ManualClock;
use crate::requester::Requester;
use crate::secret::private_key::tests::added_by_ssh_add;
use crate::wire::put_string;

/// Has the key `[1]`, answers confirmations as told, and keeps what it is told.
#[derive(Default)]
struct Fake {
    consents: bool,
    broken_record: bool,
    locked: Mutex<bool>,
    told: Mutex<Vec<String>>,
}

impl Fake {
    fn tell(&self, what: impl Into<String>) {
        self.told.lock().unwrap().push(what.into());
    }
}

#[async_trait]
impl House for Fake {
    fn identities(&self, _: &Bound) -> Vec<Identity> {
        vec![Identity {
            key_blob: [1].into(),
            comment: b"vault"[..].into(),
        }]
    }

    fn has(&self, key_blob: &[u8]) -> bool {
        key_blob == [1]
    }

    async fn sign(&self, _: SignAsk<'_>, _: &Caller) -> Result<Vec<u8>, Refusal> {
        Ok(b"by the house".to_vec())
    }

    fn record(&self, _: &SignAsk<'_>, holder: Holder, _: &Caller) -> Result<(), Refusal> {
        self.tell(format!("{holder:?}"));
        if self.broken_record {
            return Err(Refusal::Audit("disk full".to_owned()));
        }
        Ok(())
    }

    async fn confirm(&self, _: &SignAsk<'_>, key: &Identity, _: &Caller) -> Result<(), Refusal> {
        self.tell(format!("confirm {}", key.comment_text()));
        if self.consents {
            Ok(())
        } else {
            Err(Refusal::Locked)
        }
    }

    async fn remove_all(&self) -> Result<(), Refusal> {
        self.tell("remove all");
        Ok(())
    }

    fn locked(&self) -> bool {
        *self.locked.lock().unwrap()
    }

    fn lock(&self) {
        *self.locked.lock().unwrap() = true;
    }

    fn unlock(&self) {
        *self.locked.lock().unwrap() = false;
    }
}

struct Desk {
    house: Arc<Fake>,
    service: Service,
}

fn desk(house: Fake) -> Desk {
    let house = Arc::new(house);
    let clock = Arc::new(ManualClock::new());
    let service = Service::new(house.clone(), clock, Arc::new(Cores::default()));
    Desk { house, service }
}

impl Desk {
    async fn ask(&self, request: Request<'_>) -> Response {
        let caller = Caller::from(Requester::default());
        let mut client = Client {
            caller: &caller,
            bound: Bound::default(),
            link: Link::default(),
        };
        self.service.answer(&request.encode(), &mut client).await
    }

    async fn listed(&self) -> usize {
        match self.ask(Request::Identities).await {
            Response::Identities(identities) => identities.len(),
            other => panic!("{other:?}"),
        }
    }

    /// Adds a new key with these constraints; its blob.
    async fn add(&self, constraints: &[u8]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        ssh_keygen(
            folder.path(),
            &["-q", "-t", "ed25519", "-N", "", "-f", "key"],
        );
        let mut content = added_by_ssh_add(&folder.path().join("key"));
        put_string(&mut content, b"mine");
        content.extend(constraints);
        let add = Request::Add {
            content: &content,
            constrained: true,
        };
        assert_eq!(self.ask(add).await, Response::Success);
        public_blob(&folder.path().join("key.pub"))
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.house.told.lock().unwrap())
    }
}

const fn sign(key_blob: &[u8]) -> Request<'_> {
    Request::Sign {
        key_blob,
        data: b"data",
        flags: 0,
    }
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn each_holder_signs_for_its_own_keys_and_nobody_for_others() {
    let desk = desk(Fake::default());
    let added = desk.add(&[]).await;
    assert_eq!(desk.listed().await, 2);
    let by_the_house = Response::Signature(b"by the house".to_vec());
    assert_eq!(desk.ask(sign(&[1])).await, by_the_house);
    assert!(matches!(
        desk.ask(sign(&added)).await,
        Response::Signature(_)
    ));
    assert_eq!(desk.told(), ["Added"]);
    assert_eq!(desk.ask(sign(&[2])).await, Response::Failure);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn nothing_is_signed_that_cannot_be_recorded() {
    let desk = desk(Fake {
        broken_record: true,
        ..Fake::default()
    });
    let added = desk.add(&[]).await;
    assert_eq!(desk.ask(sign(&added)).await, Response::Failure);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn a_key_that_is_to_be_confirmed_signs_after_a_yes_only() {
    let willing = desk(Fake {
        consents: true,
        ..Fake::default()
    });
    let added = willing.add(&[2]).await;
    assert!(matches!(
        willing.ask(sign(&added)).await,
        Response::Signature(_)
    ));
    assert_eq!(willing.told(), ["confirm mine", "Added"]);
    let unwilling = desk(Fake::default());
    let added = unwilling.add(&[2]).await;
    assert_eq!(unwilling.ask(sign(&added)).await, Response::Failure);
    assert_eq!(unwilling.told(), ["confirm mine"]);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn a_lock_hides_and_stops_everything_until_its_passphrase_comes() {
    let desk = desk(Fake::default());
    let added = desk.add(&[]).await;
    assert_eq!(desk.ask(Request::Lock(b"pass")).await, Response::Success);
    assert!(desk.house.locked());
    assert_eq!(desk.listed().await, 0);
    for refused in [
        sign(&added),
        sign(&[1]),
        Request::Lock(b"pass"),
        Request::Remove(&added),
        Request::RemoveAllOfVersion1,
        Request::Unlock(b"wrong"),
    ] {
        assert_eq!(desk.ask(refused).await, Response::Failure);
    }
    assert_eq!(desk.service.keyring.len(), 1);
}

#[tokio::test]
async fn the_passphrase_ends_the_lock_of_the_house_too() {
    let desk = desk(Fake::default());
    assert_eq!(desk.ask(Request::Unlock(b"pass")).await, Response::Failure);
    assert_eq!(desk.ask(Request::Lock(b"pass")).await, Response::Success);
    assert_eq!(desk.ask(Request::Unlock(b"pass")).await, Response::Success);
    assert!(!desk.house.locked());
    assert_eq!(desk.listed().await, 1);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn a_locked_house_stops_added_keys_too() {
    let desk = desk(Fake::default());
    let added = desk.add(&[]).await;
    desk.house.lock();
    assert_eq!(desk.listed().await, 0);
    assert_eq!(desk.ask(sign(&added)).await, Response::Failure);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn only_an_added_key_can_be_removed() {
    let desk = desk(Fake::default());
    let added = desk.add(&[]).await;
    assert_eq!(desk.ask(Request::Remove(&[1])).await, Response::Failure);
    assert_eq!(desk.ask(Request::Remove(&added)).await, Response::Success);
    assert_eq!(desk.ask(Request::Remove(&added)).await, Response::Failure);
    assert_eq!(desk.ask(sign(&added)).await, Response::Failure);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn remove_all_reaches_the_added_keys_and_the_house() {
    let desk = desk(Fake::default());
    desk.add(&[]).await;
    let caller = Caller::from(Requester::default());
    let mut client = Client {
        caller: &caller,
        bound: Bound::default(),
        link: Link::default(),
    };
    assert_eq!(desk.service.forget(&mut client).await, Response::Success);
    assert!(desk.service.keyring.is_empty());
    assert_eq!(desk.told(), ["remove all"]);
}

#[tokio::test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
async fn a_key_that_is_removed_while_a_person_thinks_does_not_sign() {
    let desk = Arc::new(desk(Fake {
        consents: true,
        ..Fake::default()
    }));
    let added = desk.add(&[2, 1, 0, 0, 0, 60]).await;
    let found = desk.service.keyring.find(&added).unwrap();
    assert!(desk.service.keyring.remove(&added, &Bound::default()));
    let bound = Bound::default();
    let ask = SignAsk::new(&added, b"data", 0, &bound);
    let consented = desk
        .service
        .consented(found, &ask, &Caller::from(Requester::default()))
        .await;
    assert!(matches!(consented, Err(Refusal::Unsupported(why)) if why.contains("removed")));
}
