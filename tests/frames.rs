//! Conversations that were recorded between OpenSSH's programs and OpenSSH's own agent.
//!
//! Each file in `tests/frames` is one connection: what a frame has to be read as, after `=`, and
//! the frame itself. They hold public keys and signatures only.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use pimento::agent::message::{Request, Unsupported};
use pimento::agent::{Bound, Payload, SignAsk, State};

fn frames(text: &str) -> impl Iterator<Item = (&str, Vec<u8>)> {
    text.split("\n= ").skip(1).map(|part| {
        let (expected, hex) = part.split_once('\n').unwrap();
        let hex: String = hex.split_whitespace().collect();
        let bytes = (0..hex.len()).step_by(2);
        let bytes = bytes.map(|at| u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap());
        (expected, bytes.collect())
    })
}

fn hops(hops: usize, forwarded: bool) -> String {
    let plural = if hops == 1 { "" } else { "s" };
    let lent = if forwarded { ", forwarded" } else { "" };
    format!("{hops} hop{plural}{lent}")
}

fn describe(request: Request<'_>, bound: &mut Bound) -> String {
    match request {
        Request::Add { .. } => "add".to_owned(),
        Request::Identities => "identities".to_owned(),
        Request::Lock(_) => "lock".to_owned(),
        Request::Query => "query".to_owned(),
        Request::Remove(_) => "remove".to_owned(),
        Request::RemoveAll => "remove all".to_owned(),
        Request::RemoveAllOfVersion1 => "remove all of version 1".to_owned(),
        Request::SessionBind(content) => {
            bound.bind(content).unwrap();
            match bound.state() {
                State::Bound {
                    hops: count,
                    forwarded,
                    ..
                } => {
                    format!("bound, {}", hops(count, forwarded))
                }
                other => format!("{other:?}"),
            }
        }
        Request::Sign {
            key_blob,
            data,
            flags,
        } => {
            let ask = SignAsk::new(key_blob, data, flags, bound);
            format!("sign, flags {flags}: {}", purpose(&ask))
        }
        Request::Unlock(_) => "unlock".to_owned(),
        Request::Unsupported(Unsupported::Type(number)) => format!("type {number} is not offered"),
        Request::Unsupported(other) => format!("{other:?}"),
    }
}

fn purpose(ask: &SignAsk<'_>) -> String {
    match &ask.payload {
        Payload::Certificate => "certificate".to_owned(),
        Payload::File { namespace, hash } => format!("file in {namespace}, {hash}"),
        Payload::Login(login) => {
            let proven = match ask.destination() {
                Ok(place) => format!("proven, {}", hops(place.hops, place.forwarded)),
                Err(untied) => untied.to_string(),
            };
            format!("login as {}, {proven}", login.user)
        }
        Payload::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn recorded_conversations_are_read_as_what_they_were() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/frames");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut bound = Bound::default();
        for (expected, frame) in frames(&text) {
            let request = Request::parse(&frame);
            if !matches!(request, Request::Unsupported(_)) {
                assert_eq!(request.encode(), frame, "{}", path.display());
            }
            assert_eq!(
                describe(request, &mut bound),
                expected,
                "{}",
                path.display()
            );
        }
        files += 1;
    }
    assert!(files >= 8, "{files} files");
}

#[test]
fn a_recorded_login_is_not_proven_on_another_connection() {
    let text = include_str!("frames/ssh-login-ed25519.txt");
    let (_, sign) = frames(text).last().unwrap();
    let (_, other) = frames(include_str!("frames/ssh-login-rsa.txt"))
        .next()
        .unwrap();
    let read = |bound: &mut Bound| describe(Request::parse(&sign), bound);
    let mut bound = Bound::default();
    assert_eq!(
        read(&mut bound),
        "sign, flags 0: login as root, the client has not bound the connection to a host"
    );
    describe(Request::parse(&other), &mut bound);
    assert_eq!(
        read(&mut bound),
        "sign, flags 0: login as root, the login is of another session than the connection is bound to"
    );
}
