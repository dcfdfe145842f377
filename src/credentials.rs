//! The door for services of systemd: `LoadCredential=NAME:…/pimento/credentials.sock`.
//!
//! Enters: connections from an address that names a unit and a credential, as `systemd.exec(5)`
//! describes. Leaves: the password of that name, byte for byte, and the end of the connection.
//! What never happens here: a password for a process that the kernel does not count to that unit;
//! a second answer on one connection; anything read from a client.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::catalog::{Catalog, PasswordUse};
use crate::cloud::Unwatched;
use crate::house::House;
use crate::listen::{Connection, Door};
use crate::policy::{End, Receiver, Said};
use crate::refusal::Refusal;
use crate::requester::Caller;

mod peer;

/// Whether any password is for a service, on a system that has them.
#[must_use]
pub fn are_configured(catalog: &Catalog) -> bool {
    let mut passwords = catalog.passwords();
    let has_services = cfg!(target_os = "linux");
    has_services
        && passwords.any(|(_, it)| it.uses.contains(&PasswordUse::Systemd) && !it.units.is_empty())
}

/// Answers whoever comes to `door`, if there is one; never returns. The clients' tasks are in
/// `sessions`.
pub async fn serve_all(house: &Arc<House>, door: Option<&Door>, sessions: &mut JoinSet<()>) {
    let Some(door) = door else {
        return std::future::pending().await;
    };
    loop {
        let connection = door.accept().await;
        while sessions.try_join_next().is_some() {}
        let house = Arc::clone(house);
        sessions.spawn(async move { answer(connection, &house).await });
    }
}

async fn answer(connection: Connection, house: &House) {
    let Connection {
        mut stream,
        caller,
        place: _held_to_the_end,
    } = connection;
    let Some(wanted) = peer::address(&stream).as_deref().and_then(Wanted::parse) else {
        let refusal = Refusal::Unsupported(
            "the program that connected does not name a unit and a credential as systemd does"
                .to_owned(),
        );
        house
            .pipeline
            .turn_away("a credential", caller.requester(), &refusal);
        return;
    };
    let bytes = tokio::select! {
        password = password(&wanted, &caller, house) => match password {
            Ok(password) => password,
            Err(refusal) => {
                let (unit, id) = (&wanted.unit, &wanted.id);
                tracing::warn!(%refusal, unit, id, "a service got no credential");
                Zeroizing::new(vec![0; TOO_MUCH])
            }
        },
        Ok(()) = peer::hung_up(&stream) => return,
    };
    if !hand_over(&mut stream, &bytes).await {
        tracing::info!(unit = wanted.unit, "a service did not take its credential");
    }
}

/// Whether it was taken. Whoever does not read is hung up on.
async fn hand_over(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> bool {
    matches!(timeout(PATIENCE, stream.write_all(bytes)).await, Ok(Ok(())))
}

async fn password(
    wanted: &Wanted,
    caller: &Caller,
    house: &House,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let requester = caller.requester();
    let turned_away = |refusal: Refusal| {
        house.pipeline.turn_away(&wanted.id, requester, &refusal);
        refusal
    };
    if !caller.is_of(&wanted.unit) {
        return Err(turned_away(Refusal::Policy {
            credential: wanted.id.clone(),
            rule: format!(
                "it was asked for as {}, by a process of another unit",
                wanted.unit
            ),
            advice: format!(
                "let systemd ask for it: `systemctl start {}`, with LoadCredential= in the unit",
                wanted.unit
            ),
        }));
    }
    let credential = house.password(&wanted.id).map_err(turned_away)?;
    let end = End::Give(Receiver {
        to: PasswordUse::Systemd,
        user: None,
        host: "localhost".to_owned(),
        command: vec![wanted.unit.clone()],
    });
    let read = |it: &crate::secret::Password| Zeroizing::new(it.expose_secret().to_vec());
    house
        .release(
            credential,
            end,
            Said::default(),
            requester,
            &Unwatched,
            read,
        )
        .await
}

/// What the address of a client names.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    unit: String,
    id: String,
}

impl Wanted {
    /// Takes `RANDOM/unit/UNIT/ID`, an abstract address without its leading zero.
    fn parse(name: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(name).ok()?;
        let parts: Vec<&str> = text.split('/').collect();
        let [random, "unit", unit, id] = parts.as_slice() else {
            return None;
        };
        let hex = !random.is_empty() && random.chars().all(|c| c.is_ascii_hexdigit());
        // The characters of units' names (systemd.unit(5)); more than credentials may have.
        let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        (hex && plain(unit) && plain(id)).then(|| Self {
            unit: (*unit).to_owned(),
            id: (*id).to_owned(),
        })
    }
}

/// More than systemd takes for a credential (1 MiB). One without a byte it takes as empty, and
/// starts the service with that; what is too long fails the start.
const TOO_MUCH: usize = 1024 * 1024 + 1;

/// systemd reads at once; this is for a client that does not.
const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn systemds_address_names_the_unit_and_the_credential() {
        let wanted = Wanted::parse(b"1cf82741d7d82235/unit/backup@7.service/restic").unwrap();
        assert_eq!(
            (wanted.unit.as_str(), wanted.id.as_str()),
            ("backup@7.service", "restic")
        );
    }

    #[test]
    fn any_other_address_is_not_systemds() {
        for name in [
            "",
            "/unit/a.service/b",
            "xyz/unit/a.service/b",
            "1f/user/a.service/b",
            "1f/unit/a.service/",
            "1f/unit//b",
            "1f/unit/a.service",
            "1f/unit/a.service/b/c",
            "1f/unit/a.service/b\n",
            "1f/unit/a.service/b c",
        ] {
            assert_eq!(Wanted::parse(name.as_bytes()), None, "{name:?}");
        }
        assert_eq!(Wanted::parse(b"1f/unit/a.service/\xff"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_hung_up_on() {
        let (mut ours, _theirs) = tokio::io::duplex(8);
        assert!(hand_over(&mut ours, &[0; 8]).await);
        assert!(!hand_over(&mut ours, &[0; 1]).await);
    }

    proptest! {
        #[test]
        fn an_address_is_read_as_what_it_was_made_of(
            random in any::<u64>(), unit in "[!-.0-~]{1,30}", id in "[!-.0-~]{1,30}",
        ) {
            let name = format!("{random:x}/unit/{unit}/{id}");
            prop_assert_eq!(Wanted::parse(name.as_bytes()), Some(Wanted { unit, id }));
        }

        #[test]
        fn whatever_is_read_is_what_stands_there(name in "[0-9a-f/unit.]{0,24}") {
            if let Some(wanted) = Wanted::parse(name.as_bytes()) {
                let tail = format!("/unit/{}/{}", wanted.unit, wanted.id);
                prop_assert!(name.ends_with(&tail));
            }
        }
    }
}
