//! Fetches a file that anybody may read: a team's catalog.
//!
//! Enters: an address. Leaves: its content, up to a length. What never happens here: a token is sent,
//! a redirect is followed, or anything but TLS is spoken.

use std::time::Duration;

use url::Url;

use super::http::{Network, builder};

/// The content of `url`.
///
/// # Errors
/// Why it cannot be had, in words.
pub async fn download(network: &Network, url: Url, longest: usize) -> Result<Vec<u8>, String> {
    let told = |error: reqwest::Error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        cause.to_string()
    };
    let client = builder(network)
        .and_then(|it| it.timeout(LONGEST).build())
        .map_err(told)?;
    let mut response = client.get(url).send().await.map_err(told)?;
    let status = response.status();
    if status.is_redirection() {
        return Err(format!(
            "it answers {status} and leads elsewhere; name the address that it leads to"
        ));
    }
    if !status.is_success() {
        return Err(format!("it answers {status}"));
    }
    let mut content = Vec::new();
    while let Some(part) = response.chunk().await.map_err(told)? {
        content.extend_from_slice(&part);
        if content.len() > longest {
            return Err(format!("it is longer than {longest} bytes"));
        }
    }
    Ok(content)
}

const LONGEST: Duration = Duration::from_secs(20);
