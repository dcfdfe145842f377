//! The parts of a client certificate.

/// What of a client certificate goes into a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The key, then the certificate with those that issued it.
    #[default]
    Both,
    /// The certificate with those that issued it.
    Certificate,
    /// The private key.
    Key,
}

impl Part {
    /// Reads what stands behind `?part=`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Both, Self::Certificate, Self::Key];
        all.into_iter().find(|part| part.word() == word)
    }

    /// How a reference writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Certificate => "certificate",
            Self::Key => "key",
        }
    }
}
