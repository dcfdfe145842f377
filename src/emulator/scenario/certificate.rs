//! Certificates of a vault.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A certificate, made at start by an authority of the emulator's for clients.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificate {
    /// Its key: `rsa-2048`, `ec-p256` or `ec-p384`.
    pub generate: String,
    /// Whether the vault gives its key out.
    pub exportable: bool,
    /// When it ends; `exp` of the secret as well.
    pub expires: Timestamp,
    /// Whether it is disabled.
    pub disabled: bool,
}

impl Default for Certificate {
    fn default() -> Self {
        Self {
            generate: "ec-p256".to_owned(),
            exportable: true,
            expires: Timestamp::from_second(LATE).unwrap_or(Timestamp::MAX),
            disabled: false,
        }
    }
}

/// The last second of 2049, the last year that every reader of certificates knows.
const LATE: i64 = 2_524_607_999;
