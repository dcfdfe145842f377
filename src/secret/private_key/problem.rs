//! What is wrong with a private key. Says nothing of the key itself.

/// Why bytes cannot serve as a private key, or a key cannot sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// The base64 or the structure inside is not whole.
    #[error("the private key is damaged")]
    Damaged,
    /// A DSA key.
    #[error("it is a DSA key, which OpenSSH no longer accepts")]
    Dsa,
    /// Nothing there.
    #[error("the secret is empty")]
    Empty,
    /// Protected by a passphrase.
    #[error("the private key is protected by a passphrase")]
    Encrypted,
    /// A sign request with flags that are not defined.
    #[error("signature flags {0:#x} are not known")]
    Flags(u32),
    /// Not a private key at all.
    #[error("it is not a private key")]
    NotAKey,
    /// The public half.
    #[error("it is a public key, not a private one")]
    PublicKey,
    /// PuTTY's format.
    #[error("it is in PuTTY's format")]
    Putty,
    /// Too short, too long, or inconsistent.
    #[error("the RSA key is damaged, or not of 2048 to 4096 bits")]
    RsaRejected,
    /// RSA without a SHA-2 flag.
    #[error("the client asked for an RSA signature with SHA-1, which is refused")]
    Sha1,
    /// The library failed to sign.
    #[error("the signature could not be made")]
    Signing,
    /// A hardware-bound key.
    #[error("it is a FIDO key, whose private half is in a token")]
    Token,
}

impl KeyProblem {
    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> String {
        let remedy = match self {
            Self::Damaged | Self::RsaRejected | Self::NotAKey | Self::Empty => {
                "store the key file as it is: `az keyvault secret set --vault-name VAULT --name \
                 NAME --file KEYFILE` (the portal's text box breaks its lines)"
            }
            Self::Dsa => "make a new key: `ssh-keygen -t ed25519`",
            Self::Encrypted => {
                "the vault is its protection: remove the passphrase with `ssh-keygen -p -f \
                 KEYFILE` and store it again"
            }
            Self::Flags(_) | Self::Sha1 => "update the SSH client: OpenSSH 7.2 asks for SHA-2",
            Self::PublicKey => "store the other file of the pair, the one without `.pub`",
            Self::Putty => "convert it: `puttygen KEY.ppk -O private-openssh -o KEYFILE`",
            Self::Signing => "try again; if it lasts, restart the agent",
            Self::Token => "use it through an agent on the machine that has the token",
        };
        remedy.to_owned()
    }
}
