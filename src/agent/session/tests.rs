use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;
use crate::agent::message::{Identity, Response};
use crate::agent::{House, Payload, SignAsk};
use crate::audit::Holder;
use crate::clock::manual::ManualClock;
use crate::cores::Cores;
use crate::refusal::Refusal;
use crate::requester::Requester;

/// Signs with the data backwards; waits for `gate` if the data says so.
#[derive(Default)]
struct Scripted {
    gate: Notify,
    waiting: Notify,
    removals: AtomicUsize,
    dropped: Arc<AtomicUsize>,
    payloads: Mutex<Vec<Payload>>,
}

struct CountsDrop(Arc<AtomicUsize>);

impl Drop for CountsDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl House for Scripted {
    fn identities(&self, _bound: &Bound) -> Vec<Identity> {
        vec![Identity {
            key_blob: [1].into(),
            comment: b"web"[..].into(),
        }]
    }

    fn has(&self, key_blob: &[u8]) -> bool {
        key_blob == [1]
    }

    fn record(&self, _: &SignAsk<'_>, _: Holder, _: &Caller) -> Result<(), Refusal> {
        Ok(())
    }

    async fn confirm(&self, _: &SignAsk<'_>, _: &Identity, _: &Caller) -> Result<(), Refusal> {
        Err(Refusal::Locked)
    }

    fn locked(&self) -> bool {
        false
    }

    fn lock(&self) {}

    fn unlock(&self) {}

    async fn sign(&self, ask: SignAsk<'_>, _caller: &Caller) -> Result<Vec<u8>, Refusal> {
        let _counted = CountsDrop(Arc::clone(&self.dropped));
        self.payloads.lock().unwrap().push(ask.payload);
        match ask.data {
            b"no" => Err(Refusal::Locked),
            b"wait" => {
                self.waiting.notify_one();
                self.gate.notified().await;
                Ok(b"waited".to_vec())
            }
            other => Ok(other.iter().rev().copied().collect()),
        }
    }

    async fn remove_all(&self) -> Result<(), Refusal> {
        self.removals.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

struct Talk {
    client: DuplexStream,
    house: Arc<Scripted>,
    serving: JoinHandle<io::Result<()>>,
}

fn talk() -> Talk {
    let (client, server) = duplex(1 << 20);
    let house = Arc::new(Scripted::default());
    let serving = tokio::spawn({
        let clock = Arc::new(ManualClock::new());
        let service = Service::new(house.clone(), clock, Arc::new(Cores::default()));
        async move { serve(server, &Caller::from(Requester::default()), &service, &()).await }
    });
    Talk {
        client,
        house,
        serving,
    }
}

fn sign(data: &[u8]) -> Vec<u8> {
    Request::Sign {
        key_blob: &[1],
        data,
        flags: 0,
    }
    .encode()
}

impl Talk {
    async fn send(&mut self, message: &[u8]) {
        let length = u32::try_from(message.len()).unwrap();
        self.client.write_all(&length.to_be_bytes()).await.unwrap();
        self.client.write_all(message).await.unwrap();
    }

    async fn reply(&mut self) -> Vec<u8> {
        let length = self.client.read_u32().await.unwrap();
        let mut reply = vec![0; length as usize];
        self.client.read_exact(&mut reply).await.unwrap();
        reply
    }

    async fn ask(&mut self, message: &[u8]) -> Vec<u8> {
        self.send(message).await;
        self.reply().await
    }
}

#[tokio::test]
async fn whatever_is_not_offered_gets_failure_and_the_connection_stays() {
    let mut talk = talk();
    for number in (0..=255).filter(|number| ![9, 11, 13, 19, 27].contains(number)) {
        assert_eq!(talk.ask(&[number]).await, [5], "type {number}");
        assert_eq!(talk.ask(&[number, 0, 0, 0, 9]).await, [5], "type {number}");
    }
    for broken in [
        &[9, 0][..],
        &[11, 0],
        &[13],
        &[13, 255, 255, 255, 255],
        &[19, 0],
        &[27],
    ] {
        assert_eq!(talk.ask(broken).await, [5], "{broken:?}");
    }
    let listed = Response::Identities(talk.house.identities(&Bound::default())).encode();
    assert_eq!(talk.ask(&[11]).await, listed);
}

#[tokio::test]
async fn a_length_that_cannot_be_true_closes_the_connection() {
    for length in [0, u32::MAX, 256 * 1024 + 1] {
        let mut talk = talk();
        talk.client.write_all(&length.to_be_bytes()).await.unwrap();
        assert_eq!(talk.client.read(&mut [0; 8]).await.unwrap(), 0);
        assert!(talk.serving.await.unwrap().is_err());
    }
}

#[tokio::test]
async fn a_refusal_is_a_failure_and_the_next_request_is_served() {
    let mut talk = talk();
    assert_eq!(talk.ask(&sign(b"no")).await, [5]);
    let signature = Response::Signature(b"cba".to_vec()).encode();
    assert_eq!(talk.ask(&sign(b"abc")).await, signature);
    assert_eq!(
        *talk.house.payloads.lock().unwrap(),
        [Payload::Unknown, Payload::Unknown]
    );
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let mut talk = talk();
    talk.send(&sign(b"wait")).await;
    talk.send(&sign(b"ab")).await;
    talk.send(&[11]).await;
    talk.house.waiting.notified().await;
    talk.house.gate.notify_one();
    assert_eq!(
        talk.reply().await,
        Response::Signature(b"waited".to_vec()).encode()
    );
    assert_eq!(
        talk.reply().await,
        Response::Signature(b"ba".to_vec()).encode()
    );
    assert_eq!(talk.reply().await[0], 12);
}

#[tokio::test]
async fn more_pipelined_requests_than_are_read_ahead_are_all_answered() {
    let mut talk = talk();
    talk.send(&sign(b"wait")).await;
    for _ in 0..100 {
        talk.send(&[11]).await;
    }
    talk.house.waiting.notified().await;
    talk.house.gate.notify_one();
    assert_eq!(talk.reply().await[0], 14);
    for _ in 0..100 {
        assert_eq!(talk.reply().await[0], 12);
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_stops_waiting() {
    let mut talk = talk();
    talk.send(&sign(b"wait")).await;
    talk.house.waiting.notified().await;
    drop(talk.client);
    talk.serving.await.unwrap().unwrap();
    assert_eq!(talk.house.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn remove_all_succeeds_once_it_is_done_and_query_names_what_is_offered() {
    let mut talk = talk();
    assert_eq!(talk.ask(&[19]).await, [6]);
    assert_eq!(talk.house.removals.load(Ordering::SeqCst), 1);
    let offered = Response::Extensions(&["session-bind@openssh.com"]).encode();
    assert_eq!(talk.ask(&Request::Query.encode()).await, offered);
}

#[tokio::test]
async fn a_binding_that_does_not_hold_is_an_extension_failure() {
    let mut talk = talk();
    assert_eq!(talk.ask(&Request::SessionBind(&[1]).encode()).await, [28]);
    assert_eq!(talk.ask(&[11]).await[0], 12);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_begun_has_to_be_finished_and_an_idle_client_may_wait() {
    let mut idle = talk();
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(idle.ask(&[11]).await[0], 12);
    let mut slow = talk();
    slow.client.write_all(&[0, 0, 0, 9, 13]).await.unwrap();
    assert_eq!(slow.client.read(&mut [0; 8]).await.unwrap(), 0);
    let ended = slow.serving.await.unwrap().unwrap_err();
    assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
}
