//! The agent's session over a real socket, driven by OpenSSH's own programs.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg(unix)]

use pimento::agent::message::{Request, Response};
use pimento::agent::{Destination, Payload, State, Untied};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use world::{Host, Key, World};

#[path = "agent_protocol/world.rs"]
mod world;

/// Types and sizes as ssh-keygen takes them.
const KINDS: [(&str, &str); 6] = [
    ("ed25519", "256"),
    ("ecdsa", "256"),
    ("ecdsa", "384"),
    ("ecdsa", "521"),
    ("rsa", "2048"),
    ("rsa", "3072"),
];

fn every_key() -> Vec<Key> {
    KINDS
        .iter()
        .map(|(kind, bits)| Key::new(kind, bits))
        .collect()
}

async fn send(stream: &mut UnixStream, message: &[u8]) {
    let length = u32::try_from(message.len()).unwrap();
    stream.write_all(&length.to_be_bytes()).await.unwrap();
    stream.write_all(message).await.unwrap();
}

async fn reply(stream: &mut UnixStream) -> Vec<u8> {
    let length = stream.read_u32().await.unwrap();
    let mut reply = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut reply).await.unwrap();
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_add_lists_the_keys_in_order_with_their_names() {
    let world = World::with(every_key());
    let public: String = world.keys().map(|key| key.public_line.clone()).collect();
    assert_eq!(world.run("ssh-add", &["-L"]).assert_ok(), public);
    let short = world.run("ssh-add", &["-l"]).assert_ok();
    assert_eq!(short.lines().count(), KINDS.len());
    assert!(
        short.lines().all(|line| line.contains("SHA256:")),
        "{short}"
    );
    assert!(world.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_a_list() {
    let world = World::with(Vec::new());
    let listed = world.run("ssh-add", &["-l"]);
    assert_eq!(
        (listed.code, listed.stdout.trim()),
        (1, "The agent has no identities.")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_add_tests_keys_over_data_nobody_can_recognise() {
    let world = World::with(every_key());
    for key in world.keys() {
        let tested = world.run("ssh-add", &["-T", key.public_file()]);
        let asked = world.asked().pop().unwrap();
        assert_eq!((asked.payload, asked.data.len()), (Payload::Unknown, 1024));
        // Before 9.3, ssh-add asks an RSA key for SHA-1, which is refused.
        let sha1 = key.kind == "rsa" && asked.flags == 0;
        assert_eq!(tested.code == 0, !sha1, "{}: {}", key.kind, tested.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_keygen_signs_files_and_verifies_what_we_signed() {
    let world = World::with(every_key());
    let message = world.file("message", "to be signed\n");
    for key in world.keys() {
        for namespace in ["file", "git"] {
            let signature = format!("{message}.sig");
            let _absent_the_first_time = std::fs::remove_file(&signature);
            let sign = [
                "-Y",
                "sign",
                "-f",
                key.public_file(),
                "-n",
                namespace,
                &message,
            ];
            world.run("ssh-keygen", &sign).assert_ok();
            let asked = world.asked().pop().unwrap();
            let expected = Payload::File {
                namespace: namespace.to_owned(),
                hash: "sha512".to_owned(),
            };
            assert_eq!(asked.payload, expected);
            assert_eq!(asked.destination, Err(Untied::NotALogin));
            let signers = world.file("signers", &format!("me {}", key.public_line));
            let verify = [
                "-Y", "verify", "-f", &signers, "-I", "me", "-n", namespace, "-s", &signature,
            ];
            world
                .run_with_input("ssh-keygen", &verify, "to be signed\n")
                .assert_ok();
            world
                .run_with_input("ssh-keygen", &verify, "to be singed\n")
                .assert_fails();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_keygen_certifying_with_a_listed_key_is_recognised_as_that() {
    let world = World::with(vec![Key::new("ed25519", "256")]);
    let key = world.keys().next().unwrap();
    let subject = world.file("subject.pub", &Key::new("ed25519", "256").public_line);
    let certify = ["-Us", key.public_file(), "-I", "test", &subject];
    world.run("ssh-keygen", &certify).assert_ok();
    assert_eq!(world.asked().pop().unwrap().payload, Payload::Certificate);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_house_is_neither_added_nor_removed_one_by_one_and_remove_all_is_done() {
    let world = World::with(vec![Key::new("ed25519", "256")]);
    let other = Key::new("ed25519", "256");
    world.run("ssh-add", &[other.private_file()]).assert_ok();
    world
        .run("ssh-add", &["-d", other.public_file()])
        .assert_ok();
    let listed = world.keys().next().unwrap();
    world
        .run("ssh-add", &[listed.private_file()])
        .assert_fails();
    world
        .run("ssh-add", &["-d", listed.public_file()])
        .assert_fails();
    assert_eq!(world.removals(), 0);
    world.run("ssh-add", &["-D"]).assert_ok();
    // It asks twice, by the old number as well.
    assert_eq!(world.removals(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_message_keeps_the_connection() {
    let world = World::with(Vec::new());
    let mut stream = UnixStream::connect(world.socket()).await.unwrap();
    for unknown in [
        &[0u8][..],
        &[200, 1, 2],
        &[1],
        &[9, 0],
        &[22, 0, 0, 0, 1],
        &[27],
    ] {
        send(&mut stream, unknown).await;
        assert_eq!(reply(&mut stream).await, Response::Failure.encode());
    }
    send(&mut stream, &Request::Identities.encode()).await;
    assert_eq!(
        reply(&mut stream).await,
        Response::Identities(Vec::new()).encode()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversized_frame_closes_that_connection_and_no_other() {
    let world = World::with(Vec::new());
    let mut other = UnixStream::connect(world.socket()).await.unwrap();
    for length in [256 * 1024 + 1, u32::MAX, 0] {
        let mut stream = UnixStream::connect(world.socket()).await.unwrap();
        stream.write_all(&length.to_be_bytes()).await.unwrap();
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0, "{length}");
    }
    send(&mut other, &Request::Identities.encode()).await;
    assert_eq!(reply(&mut other).await[0], 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_requests_in_one_write_are_answered_in_order() {
    let world = World::with(vec![Key::new("ed25519", "256")]);
    let blob = world.keys().next().unwrap().blob.clone();
    let sign = Request::Sign {
        key_blob: &blob,
        data: b"data",
        flags: 0,
    };
    let mut both = Vec::new();
    for message in [sign.encode(), Request::Identities.encode()] {
        both.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        both.extend(message);
    }
    let mut stream = UnixStream::connect(world.socket()).await.unwrap();
    stream.write_all(&both).await.unwrap();
    assert_eq!(reply(&mut stream).await[0], 14);
    assert_eq!(reply(&mut stream).await[0], 12);
}

/// As `ssh-keygen -l` prints it.
fn fingerprint(destination: &Destination) -> String {
    let plain = pimento::signature::plain(&destination.host_key);
    plain.fingerprint(ssh_key::HashAlg::Sha256).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_logs_in_with_every_type_of_key_and_the_destination_is_proven() {
    let world = World::with(every_key());
    let Some(host) = Host::new("ed25519", "256", world.keys()) else {
        return;
    };
    for key in world.keys() {
        world.ssh(&host, key, &["true"]).assert_ok();
        let asked = world.asked().pop().unwrap();
        let destination = asked.destination.unwrap();
        assert_eq!(destination.user, host.user, "{}", key.kind);
        assert_eq!(fingerprint(&destination), host.fingerprint());
        assert!(!destination.forwarded);
        assert_eq!(destination.hops, 1);
        let Payload::Login(login) = asked.payload else {
            panic!("not a login: {:?}", asked.payload);
        };
        // OpenSSH 8.9 and newer names the host's key in what is signed.
        assert_eq!(login.host_key.as_deref(), Some(&*host.key.blob));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_host_key_is_verified() {
    let world = World::with(vec![Key::new("ed25519", "256")]);
    let key = world.keys().next().unwrap();
    for (kind, bits) in KINDS {
        let Some(host) = Host::new(kind, bits, world.keys()) else {
            return;
        };
        world.ssh(&host, key, &["true"]).assert_ok();
        let destination = world.asked().pop().unwrap().destination;
        assert_eq!(
            fingerprint(&destination.unwrap()),
            host.fingerprint(),
            "{kind} {bits}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_shows_a_certificate_is_verified() {
    let world = World::with(vec![Key::new("ed25519", "256")]);
    let key = world.keys().next().unwrap();
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let Some(host) = Host::certified(kind, world.keys()) else {
            return;
        };
        world.ssh(&host, key, &["true"]).assert_ok();
        let asked = world.asked().pop().unwrap();
        let destination = asked.destination.unwrap();
        assert_eq!(fingerprint(&destination), host.fingerprint(), "{kind}");
        assert!(destination.host_key.is_certificate(), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_through_a_forwarded_agent_is_told_apart() {
    let world = World::with(vec![Key::new("ed25519", "256")]);
    let key = world.keys().next().unwrap();
    let Some(hop) = Host::new("ed25519", "256", world.keys()) else {
        return;
    };
    let Some(last) = Host::new("ecdsa", "256", world.keys()) else {
        return;
    };
    let quoted = |word: String| format!("'{word}'");
    let onward: Vec<_> = last
        .command(key, &["true"])
        .into_iter()
        .map(quoted)
        .collect();
    world
        .ssh_forwarding(&hop, key, &[&onward.join(" ")])
        .assert_ok();
    let asked = world.asked();
    assert_eq!(asked.len(), 2);
    assert!(!asked[0].destination.as_ref().unwrap().forwarded);
    let onward = asked[1].destination.as_ref().unwrap();
    assert_eq!((onward.forwarded, onward.hops), (true, 2));
    assert_eq!(fingerprint(onward), last.fingerprint());
    assert!(matches!(
        asked[1].bound.state(),
        State::Bound {
            forwarded: true,
            hops: 2,
            ..
        }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_is_the_program_that_connected() {
    let world = World::with(vec![Key::new("ed25519", "256")]);
    let key = world.keys().next().unwrap();
    world.run("ssh-add", &["-T", key.public_file()]).assert_ok();
    let requester = world.asked().pop().unwrap().requester;
    assert_eq!(requester.program(), "ssh-add");
    assert_eq!(requester.ancestors[0].pid, std::process::id());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_there_does_not_log_in() {
    let world = World::with(vec![Key::new("ed25519", "256")]);
    let stranger = Key::new("ed25519", "256");
    let Some(host) = Host::new("ed25519", "256", [&stranger].into_iter()) else {
        return;
    };
    world.ssh(&host, &stranger, &["true"]).assert_fails();
    assert!(world.asked().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_turned_away_even_if_the_socket_lets_them_in() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::with(vec![Key::new("ed25519", "256")]);
    if !world.are_we_root() {
        world::skipped("only root can ask as another user");
        return;
    }
    for path in world.socket().ancestors().take(3) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    }
    let other = ["--reuid", "65534", "--clear-groups", "ssh-add", "-l"];
    let turned_away = world.run("setpriv", &other);
    assert_eq!(turned_away.stdout, "");
    turned_away.assert_fails();
    world.run("ssh-add", &["-l"]).assert_ok();
}
