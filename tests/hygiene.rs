//! Nothing secret in any log, record or file of a run.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pimento::cloud::{Stage, StageSink};
use pimento::emulator::scenario::Fault;
use pimento::policy::{End, Said};
use pimento::requester::Requester;
use support::World;

/// Everything that is logged, at the most talkative level.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct NoStages;

impl StageSink for NoStages {
    fn reached(&self, _: Stage) {}
}

/// The secret parts of the world: passwords, the lines of private keys, and both in base64.
fn canaries(world: &World) -> Vec<String> {
    let mut canaries = Vec::new();
    // Which lines of the text are secret: the others hold the public half.
    let secrets = [
        ("web-root-ssh", 3..4),
        ("db-root-ssh", 10..30),
        ("legacy-root-ssh", 0..1),
        ("db01-root", 0..1),
    ];
    for (name, lines) in secrets {
        let value = world
            .emulator
            .change(|cloud| cloud.secret("kv-linux", name).unwrap().to_owned());
        canaries.push(STANDARD.encode(&value));
        let body = value.lines().filter(|line| !line.starts_with("-----"));
        canaries.extend(body.skip(lines.start).take(lines.len()).map(str::to_owned));
    }
    assert!(canaries.len() > 20);
    canaries
}

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len())
        .any(|window| window == part.as_bytes())
}

/// Has a password shown, as `pimento password` does.
async fn reveals(world: &World) {
    let password = world.house.password("db01-root").unwrap();
    let length = |password: &pimento::secret::Password| password.expose_secret().len();
    let (said, requester) = (Said::default(), Requester::of(Some(std::process::id())));
    let house = &world.house;
    let release = house.release(password, End::Reveal, said, &requester, &NoStages, length);
    assert!(release.await.unwrap() > 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_any_log_record_or_file() {
    let logged = Logged::default();
    let writer = logged.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let world = World::start().await;
    let canaries = canaries(&world);
    for (key, _) in support::KEYS {
        world.ssh(key).await.assert_ok();
    }
    reveals(&world).await;
    // What goes wrong is logged as well: an answer that breaks off, a body that is no secret.
    world.after_the_window();
    let operation = || "vault.secret.get".to_owned();
    world.fault(Fault {
        operation: operation(),
        times: Some(1),
        reset: true,
        ..Fault::default()
    });
    world.ssh("web").await.assert_ok();
    world.after_the_window();
    let body = canaries
        .first()
        .map(|canary| format!("{{\"value\": \"{canary}"));
    world.fault(Fault {
        operation: operation(),
        body,
        ..Fault::default()
    });
    world.ssh("web").await.assert_refused();
    let refusal = world.why();

    let mut found = Vec::new();
    files(world.folder(), &mut found);
    assert!(found.iter().any(|(name, _)| name.ends_with("audit.jsonl")));
    found.push(("the log".to_owned(), logged.0.lock().unwrap().clone()));
    found.push((
        "the refusal".to_owned(),
        format!("{refusal:?} {refusal}").into_bytes(),
    ));
    assert!(contains(
        &found.iter().find(|(name, _)| name == "the log").unwrap().1,
        "opening"
    ));
    for (name, text) in &found {
        for canary in &canaries {
            assert!(!contains(text, canary), "{name} holds a secret");
        }
    }
}
