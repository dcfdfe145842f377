//! What can be wrong with a private key, and what to do about it.

use aws_lc_rs::error::{KeyRejected, Unspecified};

use crate::wire::Malformed;

/// Why a secret is not a usable private key, or a key cannot make the signature asked for.
///
/// Nothing of the secret is in here; a problem may be logged and shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// The cryptographic library failed without a reason.
    #[error("the cryptographic library failed")]
    Cryptography,

    /// It starts well and then is not what it says.
    #[error("it is damaged: {0}")]
    Damaged(String),

    /// DSA.
    #[error("it is a DSA key, which no current SSH server accepts")]
    Dsa,

    /// Nothing, or only white space.
    #[error("it is empty")]
    Empty,

    /// Protected with a passphrase.
    #[error("it is encrypted with a passphrase")]
    Encrypted,

    /// Protected with a passphrase in a way of old: that of PEM files, by MD5, or one of PKCS#8 with
    /// SHA-1 or DES.
    #[error("it is encrypted with a passphrase in an old way that is not read")]
    EncryptedOldWay,

    /// A signature flag that nobody has defined.
    #[error("signature flags {0:#x} are not supported")]
    Flags(u32),

    /// Text without a PEM block, or no text at all.
    #[error("it is not a private key: {0}")]
    NotAKey(String),

    /// The public half.
    #[error("it is a public key; the private key is needed")]
    Public,

    /// `PuTTY-User-Key-File` of another version than 2 and 3.
    #[error("it is in a version of PuTTY's own format that is not read")]
    Putty,

    /// An RSA key of a size that is not used.
    #[error("it is an RSA key of {0} bits; 2048 to 8192 are supported")]
    RsaSize(usize),

    /// A client asked for `ssh-rsa`.
    #[error("an RSA signature with SHA-1 was asked for")]
    Sha1,

    /// A kind of key that is not supported.
    #[error("it is {0}, which is not supported")]
    Unsupported(String),

    /// The passphrase does not fit.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
}

impl KeyProblem {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self) -> String {
        let remedy = match self {
            Self::Cryptography => "try again; if it lasts, report it as a bug",
            Self::Damaged(_) | Self::Empty => {
                "store the file again, whole: `az keyvault secret set --vault-name VAULT \
                 --name SECRET --file KEYFILE --encoding utf-8`"
            }
            Self::Dsa | Self::RsaSize(_) | Self::Unsupported(_) => {
                "make a new key with `ssh-keygen -t ed25519`, authorise it on the hosts and store \
                 it in the vault"
            }
            Self::Encrypted => {
                "`pimento import NAME KEYFILE` asks for the passphrase and stores the key without \
                 it (the vault protects it)"
            }
            Self::EncryptedOldWay => {
                "write it anew in OpenSSH's own format, which keeps the passphrase, and import \
                 that: `ssh-keygen -p -f KEYFILE`"
            }
            Self::Flags(_) => "update the SSH client",
            Self::NotAKey(_) => {
                "check in the configuration that `secret` names the private key, and store the key \
                 file with `az keyvault secret set … --file KEYFILE --encoding utf-8`"
            }
            Self::Public => "store the private key file, the one without .pub, in the vault",
            Self::Putty => {
                "convert it before storing it: `puttygen KEYFILE -O private-openssh -o NEWFILE`"
            }
            Self::Sha1 => {
                "use a client and a server that know rsa-sha2-256 (OpenSSH 7.2 or newer), or an \
                 Ed25519 key"
            }
            Self::WrongPassphrase => "try again with the passphrase that the key was made with",
        };
        remedy.to_owned()
    }

    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged(what.into())
    }

    pub(in crate::secret) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported(what.into())
    }
}

impl From<KeyRejected> for KeyProblem {
    fn from(rejected: KeyRejected) -> Self {
        Self::Damaged(format!("its numbers do not make a key ({rejected})"))
    }
}

impl From<Unspecified> for KeyProblem {
    fn from(_: Unspecified) -> Self {
        Self::Cryptography
    }
}

impl From<Malformed> for KeyProblem {
    fn from(_: Malformed) -> Self {
        Self::Damaged("it ends early, or goes on after its end".to_owned())
    }
}
