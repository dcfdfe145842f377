//! The limits a client puts on a key that it adds (RFC 9987 section 5.2.7, and OpenSSH's
//! `restrict-destination-v00@openssh.com` of PROTOCOL.agent).
//!
//! In go the bytes behind a key, out come [`Constraints`] with every one of them understood, or
//! nothing: a limit that is not understood must not be dropped. What never happens here: a key
//! admitted to a place that no constraint names.

use std::time::Duration;

use jiff::Timestamp;
use ssh_encoding::Decode;
use ssh_key::public::KeyData;

use super::bind::{Bound, Hop};
use super::payload::Login;
use crate::certify::proves;
use crate::pattern::wildcard_matches;
use crate::wire::{Malformed, Wire};

/// What limits the use of an added key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints {
    /// How long the key is held.
    pub lifetime: Option<Duration>,
    /// Whether a person has to agree to each use.
    pub confirm: bool,
    /// The only ways it may be used on; anywhere if there are none.
    pub legs: Vec<Leg>,
}

/// From one host to the next, as one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Where it starts; `None` for this machine.
    from: Option<Host>,
    /// Where it ends.
    to: Host,
    /// The accounts it may log in to there, as a pattern; any if there is none.
    user: Option<String>,
}

/// A host by its keys: the agent sees a host's key and never its name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Host {
    name: String,
    keys: Vec<HostKey>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct HostKey {
    key: KeyData,
    /// Whether it is the authority that signs the host's certificates, and not the host's own key.
    authority: bool,
}

impl Constraints {
    /// Reads all that is left of a message.
    ///
    /// # Errors
    /// If one of them is unknown, malformed or there twice.
    pub fn parse(mut wire: Wire<'_>) -> Result<Self, Malformed> {
        let mut all = Self::default();
        while !wire.is_empty() {
            match wire.byte()? {
                LIFETIME if all.lifetime.is_none() => {
                    all.lifetime = Some(Duration::from_secs(wire.uint32()?.into()));
                }
                CONFIRM if !all.confirm => all.confirm = true,
                EXTENSION if all.legs.is_empty() => {
                    if wire.string()? != RESTRICT_DESTINATION {
                        return Err(Malformed);
                    }
                    all.legs = legs(wire.string()?)?;
                }
                _ => return Err(Malformed),
            }
        }
        Ok(all)
    }

    /// Whether the key may be listed on a connection that is bound like this.
    #[must_use]
    pub fn may_list(&self, bound: &Bound, now: Timestamp) -> bool {
        self.admits(bound, None, now)
    }

    /// Whether the key may sign this; `login` is what was proven to be a login over this connection.
    #[must_use]
    pub fn may_sign(&self, bound: &Bound, login: Option<&Login>, now: Timestamp) -> bool {
        if self.legs.is_empty() {
            return true;
        }
        // Only what names its host can be judged by where it goes.
        login.is_some_and(|login| bound.is_bound() && self.admits(bound, Some(&login.user), now))
    }

    /// Whether each hop of the way is one that some leg allows, the last as `user`.
    fn admits(&self, bound: &Bound, user: Option<&str>, now: Timestamp) -> bool {
        if self.legs.is_empty() {
            return true;
        }
        if bound.failed() {
            return false;
        }
        let hops = bound.hops();
        let mut from = None;
        for (index, hop) in hops.iter().enumerate() {
            let last = index + 1 == hops.len();
            if !last && !hop.forwarding || last && hop.forwarding && user.is_some() {
                return false;
            }
            let user = user.filter(|_| last);
            if !self
                .legs
                .iter()
                .any(|leg| leg.allows(from, Some(hop), user, now))
            {
                return false;
            }
            from = Some(hop);
        }
        // Asked from a host that the agent is forwarded to: of use if any leg goes on from there.
        match from {
            Some(last) if last.forwarding && user.is_none() => self
                .legs
                .iter()
                .any(|leg| leg.allows(from, None, None, now)),
            _ => true,
        }
    }
}

impl Leg {
    fn allows(
        &self,
        from: Option<&Hop>,
        to: Option<&Hop>,
        user: Option<&str>,
        now: Timestamp,
    ) -> bool {
        let starts = match (&self.from, from) {
            (None, None) => true,
            (Some(host), Some(hop)) => host.is(&hop.host_key, now),
            (None, Some(_)) | (Some(_), None) => false,
        };
        let ends = to.is_none_or(|hop| self.to.is(&hop.host_key, now));
        let fits = match (&self.user, user) {
            (Some(pattern), Some(user)) => wildcard_matches(pattern, user),
            (None, _) | (_, None) => true,
        };
        starts && ends && fits
    }
}

impl Host {
    fn is(&self, shown: &KeyData, now: Timestamp) -> bool {
        self.keys.iter().any(|known| match shown.certificate() {
            None => !known.authority && known.key == *shown,
            Some(certificate) => {
                known.authority && proves(certificate, &known.key, &self.name, now).is_ok()
            }
        })
    }

    /// Reads `string user, string hostname, string reserved`, then keys to the end.
    fn parse(mut wire: Wire<'_>) -> Result<(Option<String>, Option<Self>), Malformed> {
        let user = some_text(&mut wire)?;
        let name = some_text(&mut wire)?;
        nothing(wire.string()?)?;
        let mut keys = Vec::new();
        while !wire.is_empty() {
            let mut blob = wire.string()?;
            let key = KeyData::decode(&mut blob).map_err(|_| Malformed)?;
            nothing(blob)?;
            let authority = wire.boolean()?;
            keys.push(HostKey { key, authority });
        }
        match (name, keys.is_empty()) {
            (None, true) => Ok((user, None)),
            (Some(name), false) => Ok((user, Some(Self { name, keys }))),
            _ => Err(Malformed),
        }
    }
}

fn legs(bytes: &[u8]) -> Result<Vec<Leg>, Malformed> {
    let mut wire = Wire::new(bytes);
    let mut legs = Vec::new();
    while !wire.is_empty() {
        if legs.len() == MOST_LEGS {
            return Err(Malformed);
        }
        let mut leg = Wire::new(wire.string()?);
        let (nobody, from) = Host::parse(Wire::new(leg.string()?))?;
        let (user, to) = Host::parse(Wire::new(leg.string()?))?;
        nothing(leg.string()?)?;
        leg.end()?;
        if nobody.is_some() {
            return Err(Malformed);
        }
        let to = to.ok_or(Malformed)?;
        legs.push(Leg { from, to, user });
    }
    // "Nowhere" would otherwise be stored as "anywhere".
    if legs.is_empty() {
        Err(Malformed)
    } else {
        Ok(legs)
    }
}

fn some_text(wire: &mut Wire<'_>) -> Result<Option<String>, Malformed> {
    let text = wire.text()?;
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// Makes sure that a field which is reserved for later is empty.
const fn nothing(field: &[u8]) -> Result<(), Malformed> {
    if field.is_empty() {
        Ok(())
    } else {
        Err(Malformed)
    }
}

// RFC 9987 section 6.2. 3 was MAXSIGN, for keys nobody has any more.
const LIFETIME: u8 = 1;
const CONFIRM: u8 = 2;
const EXTENSION: u8 = 255;
const RESTRICT_DESTINATION: &[u8] = b"restrict-destination-v00@openssh.com";

/// As many as OpenSSH's agent takes.
const MOST_LEGS: usize = 1024;

#[cfg(test)]
mod tests;
