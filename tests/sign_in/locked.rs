//! A Secret Service whose one collection is locked, and whose question for it nobody answers.

use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dbus::arg::Variant;
use dbus::blocking::Connection;
use dbus::channel::Channel;
use dbus::{Message, Path};

/// The service, on a bus that ends with it.
pub(crate) struct Locked {
    bus: Child,
    serves: Option<JoinHandle<()>>,
    over: Arc<AtomicBool>,
    questions: Arc<AtomicUsize>,
}

impl Locked {
    pub(crate) fn on(bus: Child, address: &str) -> Self {
        let mut channel = Channel::open_private(address).unwrap();
        channel.register().unwrap();
        let connection = Connection::from(channel);
        connection
            .request_name("org.freedesktop.secrets", false, true, false)
            .unwrap();
        let (over, questions) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (ends, asked) = (Arc::clone(&over), Arc::clone(&questions));
        let serves = std::thread::spawn(move || {
            let channel = connection.channel();
            while !ends.load(Ordering::Acquire) {
                let soon = Duration::from_millis(20);
                let Ok(Some(call)) = channel.blocking_pop_message(soon) else {
                    continue;
                };
                if let Some(reply) = answer(&call, &asked) {
                    channel.send(reply).unwrap();
                }
            }
        });
        Self {
            bus,
            serves: Some(serves),
            over,
            questions,
        }
    }

    /// How often somebody was asked to unlock it.
    pub(crate) fn questions(&self) -> usize {
        self.questions.load(Ordering::Acquire)
    }
}

fn answer(call: &Message, asked: &AtomicUsize) -> Option<Message> {
    let member = call.member()?;
    let path = |path: &'static str| Path::new(path).unwrap();
    let reply = || call.method_return();
    match &*member {
        "OpenSession" => Some(reply().append2(Variant(""), path("/session"))),
        "ReadAlias" => Some(reply().append1(path("/collection"))),
        "SearchItems" => {
            let locked = vec![path("/collection/item")];
            Some(reply().append2(Vec::<Path<'_>>::new(), locked))
        }
        // Of a collection or an item: `Locked`.
        "Get" => Some(reply().append1(Variant(true))),
        "Unlock" => Some(reply().append2(Vec::<Path<'_>>::new(), path("/prompt"))),
        "Prompt" => {
            asked.fetch_add(1, Ordering::AcqRel);
            Some(reply())
        }
        _ => None,
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(serves) = self.serves.take() {
            let _ended = serves.join().is_ok();
        }
        let _gone = self.bus.kill();
        let _reaped = self.bus.wait();
    }
}
