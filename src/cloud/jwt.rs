//! What stands in a token (RFC 7519).
//!
//! Enters: a JSON Web Token. Leaves: its claims. What never happens here: trust in them; its
//! signature is the business of whom the token is for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;

/// The claims of `token`; `None` if it has none of that form.
pub(super) fn claims<T: DeserializeOwned>(token: &str) -> Option<T> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&payload).ok()
}
