//! What can be wrong with a client certificate, and what to do about it.

use super::KeyProblem;

/// Why a secret does not serve as a client certificate. Says nothing of its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientCertificateProblem {
    /// The key is not that of any certificate beside it.
    #[error("its private key belongs to none of its certificates")]
    AnotherKey,
    /// It begins well and then is not what it says.
    #[error("it is damaged")]
    Damaged,
    /// It wants a password.
    #[error("it is encrypted with a password, and that of a vault has none")]
    Encrypted,
    /// Neither of the formats.
    #[error("it is neither PEM nor PKCS#12 in base64")]
    Format,
    /// What is wrong with the key.
    #[error("its private key cannot be used: {0}")]
    Key(KeyProblem),
    /// No certificate.
    #[error("there is no certificate in it")]
    Missing,
    /// The vault keeps the key to itself.
    #[error(
        "its private key is not there: the certificate was made with a key that is not exportable"
    )]
    NoKey,
    /// More than one key.
    #[error("it has more than one private key")]
    SeveralKeys,
    /// A cipher that is not supported.
    #[error("it is encrypted in a way that is not supported")]
    Unsupported,
}

impl ClientCertificateProblem {
    /// What to do about it.
    #[must_use]
    pub fn remedy(&self, vault: &str, name: &str) -> String {
        let import = format!("az keyvault certificate import --vault-name {vault} --name {name}");
        match self {
            Self::AnotherKey => {
                format!("put the key and its certificate into one file, and `{import} --file FILE`")
            }
            Self::Encrypted => {
                format!(
                    "`{import} --file FILE --password PASSWORD`: the vault takes the password off"
                )
            }
            Self::NoKey => format!(
                "take `?part=certificate`; or make it anew with a key that the vault gives out: \
                 \"exportable\": true in the policy of `az keyvault certificate create --vault-name \
                 {vault} --name {name} --policy @POLICY`"
            ),
            Self::Format | Self::Missing => format!(
                "check that `secret` names a certificate (`az keyvault certificate show --vault-name \
                 {vault} --name {name}`)"
            ),
            Self::Key(_) => format!(
                "make it anew with an RSA key of 2048 to 4096 bits or one on P-256, P-384 or P-521 \
                 (`az keyvault certificate create --vault-name {vault} --name {name} --policy @POLICY`)"
            ),
            Self::Damaged | Self::SeveralKeys | Self::Unsupported => format!(
                "write it anew with one key (`openssl pkcs12 -in FILE -nodes | openssl pkcs12 -export \
                 -out NEW`), and `{import} --file NEW`"
            ),
        }
    }
}

impl From<KeyProblem> for ClientCertificateProblem {
    fn from(_: KeyProblem) -> Self {
        Self::Damaged
    }
}
