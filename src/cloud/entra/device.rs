//! Sign-in by a code typed on another device (RFC 8628).

use super::oauth::{OAuth, Tokens};
use crate::cloud::{SignInGuide, SignInStep};
use crate::refusal::Refusal;

pub(super) async fn sign_in(
    oauth: &OAuth,
    claims: &str,
    guide: &dyn SignInGuide,
) -> Result<Tokens, Refusal> {
    let details = oauth.device_code(claims).await?;
    let user_code = details.user_code().secret().clone();
    let verification_uri = details.verification_uri().to_string();
    let message = format!("open {verification_uri} and enter the code {user_code}");
    guide.show(SignInStep::DeviceCode {
        user_code,
        verification_uri,
        message,
    });
    oauth.device(&details, claims).await
}
