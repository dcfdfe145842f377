//! What is asked of both agents: requests that are right, slightly wrong and nonsense, and the
//! bytes they are sent as.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::material::{HOSTS, KEYS, Material};
use crate::ssh_agent::client::{self, constraint, message, string};
use crate::ssh_agent::keys;

/// One request on one of a client's connections.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) connection: usize,
    pub(crate) request: Request,
}

#[derive(Clone, Debug)]
pub(crate) enum Request {
    Add(Add),
    Bind(Bind),
    Extension {
        name: &'static str,
        content: Vec<u8>,
    },
    List {
        trailing: Vec<u8>,
    },
    Lock(&'static str),
    /// The type of a request that there is, with any content.
    Malformed {
        number: u8,
        content: Vec<u8>,
    },
    Remove(Target),
    RemoveAll,
    RemoveAllOfVersion1,
    Sign {
        target: Target,
        payload: Payload,
        flags: u32,
        trailing: Vec<u8>,
    },
    /// A type that no agent has, or none has any more.
    Unknown {
        number: u8,
        content: Vec<u8>,
    },
    Unlock(&'static str),
}

#[derive(Clone, Debug)]
pub(crate) struct Add {
    pub(crate) key: usize,
    /// Whose certificate is sent along, if any; another's does not fit.
    pub(crate) certificate_of: Option<usize>,
    pub(crate) damage: Damage,
    comment: &'static str,
    constraints: Vec<Constraint>,
    /// Whether constraints are announced (25) or not (17).
    announced: bool,
}

/// How a key is broken on its way.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    None,
    /// One bit of one field.
    Flip(Index, Index),
    Shorter(Index),
    Longer(Index),
    Empty(Index),
    /// One field is that of another key.
    Foreign(Index, usize),
    /// The whole message ends early.
    CutShort(Index),
}

#[derive(Clone, Debug)]
enum Constraint {
    Lifetime(u32),
    Confirm,
    Destination {
        host: usize,
        user: &'static str,
    },
    Extension(&'static str, Vec<u8>),
    UnknownNumber(u8),
    /// A destination with a bit of it gone.
    BrokenDestination(Index),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Key(usize),
    Certificate(usize),
    Stranger,
}

#[derive(Clone, Debug)]
pub(crate) struct Bind {
    host: usize,
    session: u8,
    forwarding: u8,
    /// Which bit of the signature is wrong, if one is.
    forged: Option<Index>,
    cut: Option<Index>,
}

#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Bytes(Vec<u8>),
    File,
    /// A login to a host, in a session.
    Login {
        host: usize,
        session: u8,
        user: &'static str,
        hostbound: bool,
    },
}

impl Request {
    /// What is sent.
    pub(crate) fn encode(&self, material: &Material) -> Vec<u8> {
        match self {
            Self::Add(add) => add.encode(material),
            Self::Bind(bind) => {
                client::extension("session-bind@openssh.com", &bind.encode(material))
            }
            Self::Extension { name, content } => client::extension(name, content),
            Self::List { trailing } => [client::list(), trailing.clone()].concat(),
            Self::Lock(passphrase) => client::lock(passphrase.as_bytes()),
            Self::Malformed { number, content } | Self::Unknown { number, content } => {
                [&[*number], content.as_slice()].concat()
            }
            Self::Remove(target) => client::remove(material.blob(*target)),
            Self::RemoveAll => client::remove_all(),
            Self::RemoveAllOfVersion1 => vec![9],
            Self::Sign {
                target,
                payload,
                flags,
                trailing,
            } => {
                let blob = material.blob(*target);
                let data = payload.bytes(material, *target);
                [client::sign(blob, &data, *flags), trailing.clone()].concat()
            }
            Self::Unlock(passphrase) => client::unlock(passphrase.as_bytes()),
        }
    }
}

impl Add {
    /// Whether a bit of a destination was changed.
    pub(crate) fn is_oddly_restricted(&self) -> bool {
        let broken = |it: &Constraint| matches!(it, Constraint::BrokenDestination(_));
        self.constraints.iter().any(broken)
    }

    /// The fields that are sent, broken as asked for.
    pub(crate) fn fields(&self, material: &Material) -> Vec<Vec<u8>> {
        let of = |key: usize| match self.certificate_of {
            Some(owner) => material.keys[key].certificate_fields(material.certificate(owner)),
            None => material.keys[key].fields.clone(),
        };
        let mut fields = of(self.key);
        let at = |index: &Index| index.index(fields.len());
        match &self.damage {
            Damage::None | Damage::CutShort(_) => {}
            Damage::Flip(field, bit) => {
                let field = at(field);
                let bit = bit.index((fields[field].len() * 8).max(1));
                if let Some(byte) = fields[field].get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Damage::Shorter(field) => {
                let field = at(field);
                fields[field].pop();
            }
            Damage::Longer(field) => {
                let field = at(field);
                fields[field].push(7);
            }
            Damage::Empty(field) => {
                let field = at(field);
                fields[field].clear();
            }
            Damage::Foreign(field, other) => {
                let field = at(field);
                if let Some(foreign) = of(*other).get(field) {
                    fields[field].clone_from(foreign);
                }
            }
        }
        fields
    }

    /// What the key would be listed as.
    pub(crate) fn blob(&self, material: &Material) -> Vec<u8> {
        let fields = self.fields(material);
        let part = |at: usize| string(fields.get(at).map_or(&[], Vec::as_slice));
        match fields[0].as_slice() {
            _ if self.certificate_of.is_some() => fields[1].clone(),
            b"ssh-rsa" => [part(0), part(2), part(1)].concat(),
            b"ssh-ed25519" => [part(0), part(1)].concat(),
            b"ssh-dss" => [part(0), part(1), part(2), part(3), part(4)].concat(),
            _ => [part(0), part(1), part(2)].concat(),
        }
    }

    fn encode(&self, material: &Material) -> Vec<u8> {
        let constraints: Vec<_> = self
            .constraints
            .iter()
            .map(|it| it.encode(material))
            .collect();
        let mut out = keys::add(
            &self.fields(material),
            self.comment.as_bytes(),
            &constraints,
        );
        if constraints.is_empty() || !self.announced {
            out[0] = if self.announced { 25 } else { 17 };
        }
        if let Damage::CutShort(at) = &self.damage {
            out.truncate(1 + at.index(out.len()));
        }
        out
    }
}

impl Constraint {
    fn encode(&self, material: &Material) -> Vec<u8> {
        let destination = |host: usize, user: &str| {
            let keys = [material.hosts[host].blob.as_slice()];
            constraint::destination(&format!("host{host}"), user, &keys)
        };
        match self {
            Self::Lifetime(seconds) => constraint::lifetime(*seconds),
            Self::Confirm => constraint::confirm(),
            Self::Destination { host, user } => destination(*host, user),
            Self::Extension(name, content) => constraint::extension(name, content),
            Self::UnknownNumber(number) => vec![*number],
            Self::BrokenDestination(bit) => {
                let mut out = destination(0, "");
                // Behind the constraint's own name, which is unknown if it is broken.
                let bit = 8 * 43 + bit.index((out.len() - 43) * 8);
                out[bit / 8] ^= 1 << (bit % 8);
                out
            }
        }
    }
}

impl Bind {
    fn encode(&self, material: &Material) -> Vec<u8> {
        let session = session(self.session);
        let mut signature = material.hosts[self.host].sign(&session);
        if let Some(bit) = &self.forged {
            // Of the signature itself, behind its algorithm.
            let bit = 8 * 19 + bit.index((signature.len() - 19) * 8);
            signature[bit / 8] ^= 1 << (bit % 8);
        }
        let host = &material.hosts[self.host].blob;
        let mut out = [string(host), string(&session), string(&signature)].concat();
        out.push(self.forwarding);
        if let Some(at) = &self.cut {
            out.truncate(at.index(out.len()));
        }
        out
    }
}

impl Payload {
    pub(crate) fn bytes(&self, material: &Material, target: Target) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::File => {
                let parts = [&b"file"[..], b"", b"sha512", &[7; 64]];
                let parts = parts.iter().flat_map(|part| string(part));
                b"SSHSIG".iter().copied().chain(parts).collect()
            }
            Self::Login {
                host,
                session: number,
                user,
                hostbound,
            } => {
                let blob = material.blob(target);
                let algorithm = client::Fields(blob).string().unwrap();
                let method = match hostbound {
                    true => &b"publickey-hostbound-v00@openssh.com"[..],
                    false => b"publickey",
                };
                let mut out = string(&session(*number));
                out.extend(message(50, &[user.as_bytes(), b"ssh-connection", method]));
                out.push(1);
                out.extend([string(&algorithm), string(blob)].concat());
                if *hostbound {
                    out.extend(string(&material.hosts[*host].blob));
                }
                out
            }
        }
    }
}

fn session(number: u8) -> Vec<u8> {
    vec![number; 32]
}

/// A sequence of requests.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..2usize, request()).prop_map(|(connection, request)| Step {
        connection,
        request,
    });
    proptest::collection::vec(step, 4..40)
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        12 => add(Just(Damage::None).boxed(), Just(true).boxed()).prop_map(Request::Add),
        6 => add(damage().boxed(), any::<bool>().boxed()).prop_map(Request::Add),
        14 => (target(), payload(), select(FLAGS), trailing())
            .prop_map(|(target, payload, flags, trailing)| Request::Sign { target, payload, flags, trailing }),
        6 => trailing().prop_map(|trailing| Request::List { trailing }),
        4 => target().prop_map(Request::Remove),
        1 => Just(Request::RemoveAll),
        1 => Just(Request::RemoveAllOfVersion1),
        1 => select(PASSPHRASES).prop_map(Request::Lock),
        2 => select(PASSPHRASES).prop_map(Request::Unlock),
        4 => bind().prop_map(Request::Bind),
        2 => (select(EXTENSIONS), bytes()).prop_map(|(name, content)| Request::Extension { name, content }),
        2 => (select(&[13, 17, 18, 25, 27][..]), bytes())
            .prop_map(|(number, content)| Request::Malformed { number, content }),
        2 => (any::<u8>().prop_filter("a type that is in use", |it| !USED.contains(it)), bytes())
            .prop_map(|(number, content)| Request::Unknown { number, content }),
    ]
}

fn add(
    damage: BoxedStrategy<Damage>,
    announced: BoxedStrategy<bool>,
) -> impl Strategy<Value = Add> {
    let constraints = prop_oneof![
        3 => Just(Vec::new()),
        2 => proptest::collection::vec(constraint(), 1..4),
    ];
    let certificate =
        proptest::option::weighted(0.3, prop_oneof![4 => Just(None), 1 => key().prop_map(Some)]);
    let comment = select(&["", "a comment", "ein Kürzel", "with\nline\tend", "a\0b"][..]);
    (key(), certificate, damage, comment, constraints, announced).prop_map(
        |(key, certificate, damage, comment, constraints, announced)| Add {
            key,
            // Without another's, it is its own; DSA keys have none here.
            certificate_of: certificate
                .map(|other| other.unwrap_or(key))
                .filter(|it| *it < KEYS && key < KEYS),
            damage,
            comment,
            announced: announced || constraints.is_empty(),
            constraints,
        },
    )
}

/// Mostly keys of every kind, now and then one that is not taken.
fn key() -> impl Strategy<Value = usize> {
    prop_oneof![15 => 0..KEYS, 1 => KEYS..KEYS + 2]
}

fn damage() -> impl Strategy<Value = Damage> {
    let any = any::<Index>;
    prop_oneof![
        4 => (any(), any()).prop_map(|(field, bit)| Damage::Flip(field, bit)),
        1 => any().prop_map(Damage::Shorter),
        1 => any().prop_map(Damage::Longer),
        1 => any().prop_map(Damage::Empty),
        2 => (any(), 0..KEYS).prop_map(|(field, other)| Damage::Foreign(field, other)),
        1 => any().prop_map(Damage::CutShort),
    ]
}

fn constraint() -> impl Strategy<Value = Constraint> {
    let destination = (0..HOSTS, select(&["", "root", "mi*"][..]))
        .prop_map(|(host, user)| Constraint::Destination { host, user });
    prop_oneof![
        3 => select(&[1000, 86_400, u32::MAX][..]).prop_map(Constraint::Lifetime),
        1 => Just(Constraint::Lifetime(0)),
        2 => Just(Constraint::Confirm),
        4 => destination,
        1 => any::<Index>().prop_map(Constraint::BrokenDestination),
        1 => (select(CONSTRAINTS), bytes()).prop_map(|(name, rest)| Constraint::Extension(name, rest)),
        1 => select(&[0, 4, 99, 254][..]).prop_map(Constraint::UnknownNumber),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        6 => key().prop_map(Target::Key),
        2 => (0..KEYS).prop_map(Target::Certificate),
        1 => Just(Target::Stranger),
    ]
}

fn payload() -> impl Strategy<Value = Payload> {
    let login = (
        0..HOSTS,
        0..3u8,
        select(&["root", "mia"][..]),
        prop::bool::weighted(0.8),
    );
    prop_oneof![
        3 => proptest::collection::vec(any::<u8>(), 0..600).prop_map(Payload::Bytes),
        1 => Just(Payload::File),
        4 => login.prop_map(|(host, session, user, hostbound)| Payload::Login { host, session, user, hostbound }),
    ]
}

fn bind() -> impl Strategy<Value = Bind> {
    let rarely = || proptest::option::weighted(0.1, any::<Index>());
    (
        0..HOSTS,
        0..3u8,
        select(&[0, 0, 1, 2][..]),
        rarely(),
        rarely(),
    )
        .prop_map(|(host, session, forwarding, forged, cut)| Bind {
            host,
            session,
            forwarding,
            forged,
            cut,
        })
}

fn trailing() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![9 => Just(Vec::new()), 1 => proptest::collection::vec(any::<u8>(), 1..6)]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..40)
}

/// None, each of the two, both, and some that mean nothing.
const FLAGS: &[u32] = &[0, 2, 4, 6, 1, 8, 0x8000_0002];
/// Few, so that locks are often opened: OpenSSH's agent sleeps after each wrong one.
const PASSPHRASES: &[&str] = &["one", "one", "one", "two"];
const EXTENSIONS: &[&str] = &[
    "query",
    "nothing@example.com",
    "",
    "session-bind@openssh.com",
];
const CONSTRAINTS: &[&str] = &["nothing@example.com", "sk-provider@openssh.com", ""];
/// The types of RFC 9987; these, and only these, are somewhere else here.
const USED: &[u8] = &[9, 11, 13, 17, 18, 19, 22, 23, 25, 27];
