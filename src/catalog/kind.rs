//! The kinds of credential, and what is known of each without having it.

use ssh_key::PublicKey;

use super::Name;

/// The kinds of credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key that certifies others, and nothing else.
    Authority(Box<AuthoritySpec>),
    /// A key that is made here for each window and certified by an authority; listed by the agent
    /// while its certificate is held.
    Certificate(Box<CertificateSpec>),
    /// A certificate for TLS with its private key, for files of a command.
    ClientCertificate(ClientCertificateSpec),
    /// A private key, listed by the agent through its pinned public key.
    Key(Box<KeySpec>),
    /// A password.
    Password(PasswordSpec),
}

/// What is known of a private key without having it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// The public key it must turn out to belong to.
    pub public: PublicKey,
    /// What may be signed with it, and for whom.
    pub rules: SigningRules,
}

/// What is known of a certificate before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateSpec {
    /// The authority's name.
    pub authority: Name,
    /// The authority's public key, which hosts trust (`TrustedUserCAKeys`).
    pub public: PublicKey,
    /// The accounts or roles that it is for (`principals`).
    pub principals: Vec<String>,
    /// The options that a host must honour, or refuse the certificate: name and value.
    pub critical: Vec<(String, String)>,
    /// What a host may let it do besides: name and value, which is empty for all that OpenSSH knows.
    pub extensions: Vec<(String, String)>,
    /// What may be signed with its key, and for whom.
    pub rules: SigningRules,
}

/// What is known of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoritySpec {
    /// The public key it must turn out to have in its vault.
    pub public: PublicKey,
    /// Whom it certifies.
    pub certifies: Certifies,
    /// Whether a person confirms each host's certificate.
    pub confirm: bool,
}

/// Whom an authority certifies. One that did both could make a host of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certifies {
    /// Users, who log in.
    #[default]
    Users,
    /// Hosts, which are logged in to.
    Hosts,
}

/// What may be signed with a key, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRules {
    /// What may be signed with it.
    pub uses: Vec<Use>,
    /// What to do for a client that does not bind its connection to a host (`session-bind`).
    pub unbound: Permission,
    /// Whether it may be used over a forwarded agent connection.
    pub forwarded: Permission,
    /// Whether a person confirms each use.
    pub confirm: bool,
}

impl Kind {
    /// What the configuration calls it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Authority(_) => "ca",
            Self::Certificate(_) | Self::Key(_) => "key",
            Self::ClientCertificate(_) => "certificate",
            Self::Password(_) => "password",
        }
    }

    /// The public key that is pinned: a key's own, or that of the authority that certifies it.
    #[must_use]
    pub fn pinned(&self) -> Option<&PublicKey> {
        match self {
            Self::Authority(authority) => Some(&authority.public),
            Self::Certificate(certificate) => Some(&certificate.public),
            Self::Key(key) => Some(&key.public),
            Self::ClientCertificate(_) | Self::Password(_) => None,
        }
    }

    /// By which rules the agent signs with it, if it does.
    #[must_use]
    pub fn rules(&self) -> Option<&SigningRules> {
        match self {
            Self::Certificate(certificate) => Some(&certificate.rules),
            Self::Key(key) => Some(&key.rules),
            Self::Authority(_) | Self::ClientCertificate(_) | Self::Password(_) => None,
        }
    }
}

/// What is known of a certificate for TLS without having it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificateSpec {
    /// Whether a person confirms each use.
    pub confirm: bool,
}

/// What is known of a password without having it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSpec {
    /// The account it opens.
    pub user: Option<String>,
    /// Where it may go.
    pub uses: Vec<PasswordUse>,
    /// The services of systemd that get it, as patterns.
    pub units: Vec<String>,
    /// Whether a person confirms each use.
    pub confirm: bool,
}

/// Where a password may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordUse {
    /// To docker, for a registry.
    Docker,
    /// To git, for a server.
    Git,
    /// Wherever its name is known: `pimento password`, `pimento run`.
    Reveal,
    /// To ssh's password method.
    Ssh,
    /// To ssh's keyboard-interactive method, whose prompt is of the server's making.
    SshKeyboardInteractive,
    /// To sudo, by a prompt that names the account.
    Sudo,
    /// To sudo-rs by its own prompt, which names no account.
    SudoRs,
    /// To a service of systemd.
    Systemd,
}

impl PasswordUse {
    /// How the configuration writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Git => "git",
            Self::Reveal => "reveal",
            Self::Ssh => "ssh",
            Self::SshKeyboardInteractive => "ssh-keyboard-interactive",
            Self::Sudo => "sudo",
            Self::SudoRs => "sudo-rs",
            Self::Systemd => "systemd",
        }
    }
}

/// Something a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Whatever a client wants signed, also what pimento cannot recognise.
    Any,
    /// Signing files (`ssh-keygen -Y`), in any namespace but git's.
    FileSignature,
    /// Signing git commits and tags.
    Git,
    /// Logging in to a host.
    Login,
}

/// A yes or no of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Yes.
    Allow,
    /// No.
    Refuse,
}
