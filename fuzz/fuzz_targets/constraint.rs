//! Constraints are understood to the last byte or refused, and a key that is limited to some hosts
//! may be used on no other connection.
#![no_main]

mod keys;

use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use keys::hosts;
use libfuzzer_sys::fuzz_target;
use pimento::agent::constraint::Constraints;
use pimento::agent::{Bound, Login};
use pimento::wire::Wire;

/// Connections: to each host, and through each to the next, with the login that is signed there.
static CONNECTIONS: LazyLock<Vec<(Bound, Login)>> = LazyLock::new(|| {
    let hosts = hosts();
    let mut connections = Vec::new();
    for (index, near) in hosts.iter().enumerate() {
        connections.push((bound(&[near.binding(&[1; 32], false)]), login()));
        let far = &hosts[(index + 1) % hosts.len()];
        let way = [near.binding(&[2; 32], true), far.binding(&[1; 32], false)];
        connections.push((bound(&way), login()));
        connections.push((bound(&way[..1]), login()));
    }
    connections
});

fn bound(bindings: &[Vec<u8>]) -> Bound {
    let mut bound = Bound::default();
    bindings.iter().for_each(|it| bound.bind(it).unwrap());
    bound
}

fn login() -> Login {
    Login {
        session_id: vec![1; 32],
        user: "root".to_owned(),
        service: "ssh-connection".to_owned(),
        algorithm: "ssh-ed25519".to_owned(),
        key_blob: Vec::new(),
        host_key: None,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(constraints) = Constraints::parse(Wire::new(bytes)) else {
        return;
    };
    let (lifetime, confirm, legs) = walked(bytes);
    assert_eq!(constraints.lifetime, lifetime);
    assert_eq!(constraints.confirm, confirm);
    assert_eq!(constraints.legs.len(), legs);
    // Nothing may follow that is not understood, and nothing may be said twice.
    for more in [&[0][..], &[3], bytes] {
        let longer = [bytes, more].concat();
        let refused = Constraints::parse(Wire::new(&longer)).is_err();
        assert!(refused || more.is_empty());
    }
    admitted(&constraints);
});

/// Lifetime, confirmation and the number of legs, in the simplest way there is.
fn walked(bytes: &[u8]) -> (Option<Duration>, bool, usize) {
    let (mut wire, mut found) = (Wire::new(bytes), (None, false, 0));
    while !wire.is_empty() {
        match wire.byte().unwrap() {
            1 => found.0 = Some(Duration::from_secs(wire.uint32().unwrap().into())),
            2 => found.1 = true,
            255 => {
                let name = wire.string().unwrap();
                assert_eq!(name, b"restrict-destination-v00@openssh.com");
                let mut legs = Wire::new(wire.string().unwrap());
                while !legs.is_empty() {
                    legs.string().unwrap();
                    found.2 += 1;
                }
                assert!((1..=1024).contains(&found.2));
            }
            other => panic!("{other} was let through"),
        }
    }
    found
}

fn admitted(constraints: &Constraints) {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let free = constraints.legs.is_empty();
    let unbound = Bound::default();
    assert!(constraints.may_list(&unbound, now));
    assert_eq!(constraints.may_sign(&unbound, Some(&login()), now), free);
    for (bound, login) in CONNECTIONS.iter() {
        assert_eq!(constraints.may_sign(bound, None, now), free);
        let signs = constraints.may_sign(bound, Some(login), now);
        assert!(!signs || constraints.may_list(bound, now));
        assert!(free || !signs || !bound.is_lent());
        let mut failed = bound.clone();
        assert!(failed.bind(b"").is_err());
        assert_eq!(constraints.may_list(&failed, now), free);
        assert_eq!(constraints.may_sign(&failed, Some(login), now), free);
    }
}
