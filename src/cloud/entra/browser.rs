//! Sign-in in the browser: authorization code with PKCE on a loopback address (RFC 8252).

use std::time::Duration;

use oauth2::{CsrfToken, PkceCodeChallenge, RedirectUrl};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use url::Url;
use uuid::Uuid;

use super::claims;
use super::oauth::{OAuth, Tokens};
use crate::catalog::Tenant;
use crate::cloud::{Resource, SignInGuide, SignInStep};
use crate::refusal::Refusal;

/// Signs in; `wanted` are claims that a service asked for. Gives the nonce as well.
pub(super) async fn sign_in(
    oauth: &OAuth,
    tenant: &Tenant,
    wanted: Option<String>,
    guide: &dyn SignInGuide,
) -> Result<(Tokens, String), Refusal> {
    let failed = |why: String| Refusal::SignIn {
        tenant: tenant.name.to_string(),
        why,
    };
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .map_err(|e| failed(e.to_string()))?;
    let port = listener
        .local_addr()
        .map_err(|e| failed(e.to_string()))?
        .port();
    let redirect = RedirectUrl::new(format!("http://localhost:{port}"));
    let redirect = redirect.map_err(|e| failed(e.to_string()))?;
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let nonce = Uuid::new_v4().to_string();
    let claims = claims::with_capabilities(wanted.as_deref().unwrap_or_default());
    let mut request = oauth
        .client
        .authorize_url(CsrfToken::new_random)
        .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect))
        .add_scopes(oauth.scopes(Resource::Graph))
        .set_pkce_challenge(challenge)
        .add_extra_param("response_mode", "query")
        .add_extra_param("nonce", &nonce)
        .add_extra_param("claims", &claims);
    request = match &tenant.login_hint {
        Some(hint) => request.add_extra_param("login_hint", hint),
        None => request.add_extra_param("prompt", "select_account"),
    };
    let (url, state) = request.url();
    let opened = webbrowser::open(url.as_str()).is_ok();
    guide.show(SignInStep::Browser {
        url: url.into(),
        opened,
    });
    let waited = tokio::time::timeout(PATIENCE, returned(&listener, state.secret())).await;
    let code = waited.map_err(|_| failed("nobody signed in within ten minutes".to_owned()))?;
    let code = code.map_err(failed)?;
    let tokens = oauth.code(code, verifier, &redirect, &claims).await?;
    Ok((tokens, nonce))
}

/// Waits for the browser to come back with a code for `state`.
async fn returned(listener: &TcpListener, state: &str) -> Result<String, String> {
    loop {
        let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
        // Whatever else knocks (a favicon, another program) does not end the wait.
        let visit = tokio::time::timeout(Duration::from_secs(5), visit(stream, state)).await;
        if let Ok(Some(outcome)) = visit {
            return outcome;
        }
    }
}

/// Serves one request; `Some` if it was the redirect of this sign-in.
async fn visit(mut stream: TcpStream, state: &str) -> Option<Result<String, String>> {
    let mut line = String::new();
    let (reader, mut writer) = stream.split();
    BufReader::new(reader.take(LONGEST_REQUEST))
        .read_line(&mut line)
        .await
        .ok()?;
    let outcome = parse(&line, state);
    let (status, text) = match &outcome {
        Some(Ok(_)) => (
            "200 OK",
            "You are signed in to pimento. You can close this tab.".to_owned(),
        ),
        Some(Err(why)) => (
            "200 OK",
            format!(
                "The sign-in failed: {}. You can close this tab.",
                escape(why)
            ),
        ),
        None => (
            "404 Not Found",
            "This is not the page of a sign-in.".to_owned(),
        ),
    };
    let page = format!("<!doctype html><meta charset=utf-8><title>pimento</title><p>{text}</p>");
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
    // The sign-in stands whether or not the page could be shown.
    let _shown = writer.write_all(answer.as_bytes()).await;
    let _sent = writer.shutdown().await;
    outcome
}

/// The code or error in a request line, if its state is ours.
fn parse(line: &str, state: &str) -> Option<Result<String, String>> {
    let path = line.strip_prefix("GET ")?.split(' ').next()?;
    let url = Url::parse("http://localhost").ok()?.join(path).ok()?;
    let query = |name: &str| {
        url.query_pairs()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.into_owned())
    };
    // A page that somebody else made the browser open does not know the state.
    if query("state")? != state {
        return None;
    }
    match (query("code"), query("error")) {
        (_, Some(error)) => {
            let told = query("error_description").unwrap_or(error);
            Some(Err(told.lines().next().unwrap_or_default().to_owned()))
        }
        (Some(code), None) => Some(Ok(code)),
        (None, None) => None,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

const PATIENCE: Duration = Duration::from_secs(600);
const LONGEST_REQUEST: u64 = 16 * 1024;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_redirect_of_this_sign_in_counts() {
        assert_eq!(
            parse("GET /?code=c&state=s HTTP/1.1", "s"),
            Some(Ok("c".to_owned()))
        );
        assert_eq!(parse("GET /?code=c&state=x HTTP/1.1", "s"), None);
        assert_eq!(parse("GET /?code=c HTTP/1.1", "s"), None);
        assert_eq!(parse("GET /favicon.ico HTTP/1.1", "s"), None);
        assert_eq!(parse("POST /?code=c&state=s HTTP/1.1", "s"), None);
        let refused = parse("GET /?error=access_denied&state=s HTTP/1.1", "s");
        assert_eq!(refused, Some(Err("access_denied".to_owned())));
    }

    proptest! {
        #[test]
        fn no_request_line_makes_the_parser_panic(line in ".{0,80}") {
            prop_assert_eq!(parse(&line, "a state that nobody guesses"), None);
        }
    }
}
