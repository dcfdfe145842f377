//! A connection is bound exactly as the bindings say that hold, and one that does not is
//! remembered.
//!
//! The first byte of the input says how many hosts the agent was lent on to before. Then come up to
//! two bindings, each made of two or four bytes (kind of key and flags, session, and where to
//! damage it with what), so that most signatures hold, or raw.
#![no_main]

mod keys;

use std::sync::LazyLock;

use keys::{Host, hosts};
use libfuzzer_sys::fuzz_target;
use pimento::agent::{BindProblem, Bound, Login, State, Untied};
use pimento::wire::Wire;

/// As many as OpenSSH's agent remembers.
const MOST_HOPS: u8 = 16;
const SESSIONS: u8 = MOST_HOPS + 4;

static HOSTS: LazyLock<[Host; 4]> = LazyLock::new(hosts);
/// What each host has signed for each session.
static MADE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let of = |host: &Host| {
        let binding = |session| host.binding(&[session + 1; 32], false);
        (0..SESSIONS).map(binding).collect::<Vec<_>>()
    };
    HOSTS.iter().flat_map(of).collect()
});

/// Connections on which the agent was lent on to so many hosts, and their hops.
static LENT: LazyLock<Vec<(Bound, Vec<Hop>)>> = LazyLock::new(|| {
    let (mut bound, mut hops) = (Bound::default(), Vec::new());
    let mut all = vec![(bound.clone(), hops.clone())];
    for session in 0..MOST_HOPS {
        let hop = (usize::from(session % 4), session, true);
        bound.bind(&made(hop)).unwrap();
        hops.push(hop);
        all.push((bound.clone(), hops.clone()));
    }
    all
});

/// A hop of the model: host, session and whether the agent is forwarded to it.
type Hop = (usize, u8, bool);

/// What has to come of a binding.
enum Expected {
    /// It is as its host made it.
    Holds(Hop),
    /// It was changed in other places than the flag at its end.
    Damaged,
    /// Anybody's guess.
    Raw,
}

fuzz_target!(|input: &[u8]| {
    let Some((&lent, mut rest)) = input.split_first() else {
        return;
    };
    let (mut bound, mut hops) = LENT[usize::from(lent % (MOST_HOPS + 1))].clone();
    let mut failed = None;
    // Each costs the check of a signature.
    for _ in 0..2 {
        let Some((content, expected)) = next(&mut rest) else {
            return;
        };
        let result = bound.bind(&content);
        match expected {
            Expected::Holds(hop) => assert_eq!(result, modelled(&mut hops, hop)),
            Expected::Damaged => assert!(result.is_err()),
            Expected::Raw => {
                let Ok(()) = result else {
                    failed = failed.or(result.err());
                    continue;
                };
                shaped(&content);
                // Whatever it bound to, the model does not know of it.
                return;
            }
        }
        failed = failed.or(result.err());
        check(&bound, &hops, failed);
    }
});

/// Cuts the next binding off the input.
fn next(rest: &mut &[u8]) -> Option<(Vec<u8>, Expected)> {
    let [first, second, after @ ..] = *rest else {
        return None;
    };
    if first & 0x80 != 0 {
        let (low, after) = after.split_first()?;
        let length = usize::from(u16::from_be_bytes([*second, *low]));
        let (content, after) = after.split_at(length.min(after.len()));
        *rest = after;
        return Some((content.to_vec(), Expected::Raw));
    }
    // Mostly the last one, RSA, which is checked five times as fast as the others.
    let (host, session) = (usize::from(first & 7).min(3), second % SESSIONS);
    let hop = (host, session, first & 0x40 != 0);
    let mut content = made(hop);
    let flag = content.len() - 1;
    *rest = after;
    if first & 0x20 == 0 {
        return Some((content, Expected::Holds(hop)));
    }
    let [place, change, after @ ..] = after else {
        return None;
    };
    *rest = after;
    // The flag at the end is not signed by the host, so only what stands in front of it.
    let place = usize::from(*place) * usize::from(1 + second / SESSIONS) % flag;
    content[place] ^= (*change).max(1);
    // What a certificate says of the host is checked where its name is needed, not here.
    let expected = if host == 0 {
        Expected::Raw
    } else {
        Expected::Damaged
    };
    Some((content, expected))
}

/// The binding by which a host proves itself.
fn made((host, session, forwarding): Hop) -> Vec<u8> {
    let index = host * usize::from(SESSIONS) + usize::from(session);
    let mut content = MADE[index].clone();
    if let Some(flag) = content.last_mut() {
        *flag = forwarding.into();
    }
    content
}

/// What OpenSSH's agent says of a binding whose signature holds.
fn modelled(hops: &mut Vec<Hop>, hop: Hop) -> Result<(), BindProblem> {
    for known in hops.iter() {
        if !known.2 {
            return Err(BindProblem::AfterLogin);
        }
        if known.1 == hop.1 {
            return match known.0 == hop.0 {
                true => Ok(()),
                false => Err(BindProblem::OtherHostKey),
            };
        }
    }
    if hops.len() == usize::from(MOST_HOPS) {
        return Err(BindProblem::TooManyHops);
    }
    hops.push(hop);
    Ok(())
}

fn check(bound: &Bound, hops: &[Hop], failed: Option<BindProblem>) {
    let lent = hops.iter().any(|hop| hop.2);
    assert_eq!(bound.failed(), failed.is_some());
    assert_eq!(bound.forwarded(), lent);
    assert_eq!(bound.is_bound(), failed.is_none() && !hops.is_empty());
    assert_eq!(bound.is_lent(), hops.last().is_some_and(|hop| hop.2));
    let expected = match (failed, hops.last()) {
        (Some(problem), _) => State::Failed(problem),
        (None, None) => State::Unbound,
        (None, Some(&(host, session, _))) => State::Bound {
            host_key: &HOSTS[host].shown,
            session_id: &[session + 1; 32],
            forwarded: lent,
            hops: hops.len(),
        },
    };
    assert_eq!(bound.state(), expected);
    destination(bound, hops, failed);
}

/// A login is tied to the last host only, and only while nothing has failed.
fn destination(bound: &Bound, hops: &[Hop], failed: Option<BindProblem>) {
    let (host, session, lent) = hops.last().copied().unwrap_or_default();
    let mut login = Login {
        session_id: vec![session + 1; 32],
        user: "root".to_owned(),
        service: "ssh-connection".to_owned(),
        algorithm: "ssh-ed25519".to_owned(),
        key_blob: b"key".to_vec(),
        host_key: Some(HOSTS[host].blob.clone()),
    };
    let tied = bound.destination(&login, b"key");
    match failed {
        Some(problem) => assert_eq!(tied, Err(Untied::BindFailed(problem))),
        None if hops.is_empty() => assert_eq!(tied, Err(Untied::Unbound)),
        None if lent => assert_eq!(tied, Err(Untied::ForwardingHop)),
        None => {
            let tied = tied.unwrap();
            assert_eq!(
                (&tied.host_key, tied.hops),
                (&HOSTS[host].shown, hops.len())
            );
            login.session_id.push(0);
            assert_eq!(bound.destination(&login, b"key"), Err(Untied::Session));
        }
    }
}

/// Whatever was accepted has the shape of a binding, to its last byte.
fn shaped(content: &[u8]) {
    let mut wire = Wire::new(content);
    let (blob, session_id) = (wire.string().unwrap(), wire.string().unwrap());
    assert!(!blob.is_empty() && (1..=128).contains(&session_id.len()));
    assert!(wire.string().is_ok() && wire.boolean().is_ok() && wire.is_empty());
    let longer = [content, &[0]].concat();
    let result = Bound::default().bind(&longer);
    assert_eq!(result, Err(BindProblem::Malformed));
}
