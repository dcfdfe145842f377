//! Sign-in in the browser: authorization code with PKCE on a loopback address (RFC 8252).
//!
//! Enters: what to ask for. Leaves: tokens, or why there are none, which the page tells as well.
//! What never happens here: a code taken from a redirect that does not know the state, a listener
//! beyond this machine, or a visitor that keeps another one waiting.

use std::net::Ipv6Addr;
use std::time::Duration;

use oauth2::{CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;
use uuid::Uuid;

use super::oauth::{OAuth, Tokens};
use super::page::Page;
use super::refused::EntraError;
use crate::cloud::Resource;
use crate::refusal::Refusal;

/// A sign-in that waits for the browser to come back.
pub(super) struct Browser<'a> {
    oauth: &'a OAuth,
    loopback: Loopback,
    redirect: RedirectUrl,
    verifier: PkceCodeVerifier,
    state: CsrfToken,
    nonce: String,
    resource: Resource,
    claims: String,
    page: Url,
    patience: Duration,
}

impl<'a> Browser<'a> {
    /// Listens, and knows the page to open; `hint` is the account to propose.
    pub(super) async fn listening(
        oauth: &'a OAuth,
        resource: Resource,
        claims: String,
        hint: Option<&str>,
    ) -> Result<Self, Refusal> {
        let failed = |error: &dyn std::error::Error| oauth.refuse(&error.to_string());
        let loopback = Loopback::bind().await.map_err(|error| failed(&error))?;
        let redirect = RedirectUrl::new(format!("http://localhost:{}", loopback.port));
        let redirect = redirect.map_err(|error| failed(&error))?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = Uuid::new_v4().to_string();
        let request = oauth
            .client
            .authorize_url(CsrfToken::new_random)
            .set_redirect_uri(std::borrow::Cow::Borrowed(&redirect))
            .add_scopes(oauth.scopes(resource))
            .set_pkce_challenge(challenge)
            .add_extra_param("response_mode", "query")
            .add_extra_param("nonce", &nonce)
            .add_extra_param("claims", &claims);
        let request = match hint {
            Some(hint) => request.add_extra_param("login_hint", hint),
            None => request.add_extra_param("prompt", "select_account"),
        };
        let (page, state) = request.url();
        Ok(Self {
            oauth,
            loopback,
            redirect,
            verifier,
            state,
            nonce,
            resource,
            claims,
            page,
            patience: PATIENCE,
        })
    }

    /// The same, for as long as this.
    pub(super) fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The page to open.
    pub(super) const fn page(&self) -> &Url {
        &self.page
    }

    /// Waits for the browser, and lets `accept` judge what came: tokens and the nonce they must
    /// carry, or why there are none. The page tells the outcome.
    pub(super) async fn finish<T>(
        self,
        accept: impl FnOnce(Result<Tokens, Refusal>, &str) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let Self {
            oauth,
            redirect,
            verifier,
            resource,
            claims,
            nonce,
            ..
        } = &self;
        let visit = tokio::select! {
            visit = self.loopback.returned(self.state.secret()) => visit,
            () = oauth.sleep(self.patience) => {
                let minutes = self.patience.as_secs() / 60;
                let late = oauth.refuse(&format!("nobody signed in within {minutes} minutes"));
                return accept(Err(late), nonce);
            }
        };
        let Visit { stream, returned } = match visit {
            Ok(visit) => visit,
            Err(error) => return accept(Err(oauth.refuse(&error.to_string())), nonce),
        };
        let tokens = match returned {
            Ok(code) => {
                oauth
                    .code(code, verifier, redirect, (*resource, claims))
                    .await
            }
            Err(error) => Err(oauth.refused(&error)),
        };
        let outcome = accept(tokens, nonce);
        let page = outcome.as_ref().map_or_else(Page::failed, |_| Page::done());
        // The sign-in stands whether or not the page could be shown.
        answer(stream, "200 OK", &page).await;
        outcome
    }
}

/// The redirect of a sign-in, and the browser that waits for what comes of it.
struct Visit {
    stream: TcpStream,
    returned: Result<String, EntraError>,
}

/// `localhost`, which a browser may take for either of two addresses.
struct Loopback {
    port: u16,
    four: TcpListener,
    six: Option<TcpListener>,
}

impl Loopback {
    /// Takes a port that is free on both, or none; else another program could wait on the other one.
    async fn bind() -> std::io::Result<Self> {
        let mut tries = 0;
        loop {
            let four = TcpListener::bind(("127.0.0.1", 0)).await?;
            let port = four.local_addr()?.port();
            tries += 1;
            match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
                Ok(six) => {
                    return Ok(Self {
                        port,
                        four,
                        six: Some(six),
                    });
                }
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                    if tries == MOST_TRIES {
                        return Err(error);
                    }
                }
                // A machine without IPv6.
                Err(_) => {
                    return Ok(Self {
                        port,
                        four,
                        six: None,
                    });
                }
            }
        }
    }

    async fn accept(&self) -> std::io::Result<TcpStream> {
        let Some(six) = &self.six else {
            return Ok(self.four.accept().await?.0);
        };
        let accepted = tokio::select! {
            accepted = self.four.accept() => accepted,
            accepted = six.accept() => accepted,
        };
        Ok(accepted?.0)
    }

    /// Waits for the browser to come back with `state`. Whatever else knocks (a favicon, another
    /// program, a connection that a browser opens in advance) neither ends the wait nor delays it.
    async fn returned(&self, state: &str) -> std::io::Result<Visit> {
        let mut visits = JoinSet::new();
        loop {
            tokio::select! {
                stream = self.accept(), if visits.len() < MOST_VISITS => {
                    let (stream, state) = (stream?, state.to_owned());
                    visits.spawn(tokio::time::timeout(VISIT, visit(stream, state)));
                }
                Some(visit) = visits.join_next(), if !visits.is_empty() => {
                    if let Ok(Ok(Some(visit))) = visit {
                        return Ok(visit);
                    }
                }
            }
        }
    }
}

/// Reads one request; `Some` if it is the redirect of this sign-in.
async fn visit(mut stream: TcpStream, state: String) -> Option<Visit> {
    let head = head(&mut stream).await?;
    let Some(returned) = parse(&head, &state) else {
        answer(stream, "404 Not Found", &Page::stray()).await;
        return None;
    };
    Some(Visit { stream, returned })
}

/// Reads a request up to its empty line. Whole, because closing a connection on what was not read
/// resets it, and the browser then shows an error instead of the page.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.read_buf(&mut head).await.ok()?;
        if read == 0 || head.len() > LONGEST_REQUEST {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

async fn answer(mut stream: TcpStream, status: &str, page: &Page) {
    let _shown = stream.write_all(page.response(status).as_bytes()).await;
    let _sent = stream.shutdown().await;
}

/// The code or error in a request, if its state is ours.
fn parse(head: &str, state: &str) -> Option<Result<String, EntraError>> {
    let path = head
        .lines()
        .next()?
        .strip_prefix("GET ")?
        .split(' ')
        .next()?;
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
            let described = query("error_description").unwrap_or_default();
            Some(Err(EntraError::redirected(error, described)))
        }
        (Some(code), None) => Some(Ok(code)),
        (None, None) => None,
    }
}

const PATIENCE: Duration = Duration::from_secs(600);
const VISIT: Duration = Duration::from_secs(30);
const LONGEST_REQUEST: usize = 16 * 1024;
/// More than a browser opens.
const MOST_VISITS: usize = 16;
/// Ports that are tried for one that is free on both addresses.
const MOST_TRIES: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(head: &str) -> Option<String> {
        parse(head, "s")?.ok()
    }

    #[test]
    fn only_the_redirect_of_this_sign_in_counts() {
        assert_eq!(code("GET /?code=c&state=s HTTP/1.1").as_deref(), Some("c"));
        for stray in [
            "GET /?code=c&state=x HTTP/1.1",
            "GET /?code=c HTTP/1.1",
            "GET /favicon.ico HTTP/1.1",
            "POST /?code=c&state=s HTTP/1.1",
        ] {
            assert!(parse(stray, "s").is_none(), "{stray}");
        }
        let refused = parse("GET /?error=access_denied&state=s HTTP/1.1", "s");
        assert!(matches!(refused, Some(Err(_))));
    }

    #[tokio::test]
    async fn a_visitor_that_says_nothing_keeps_nobody_waiting() {
        let loopback = Loopback::bind().await.unwrap();
        let _silent = TcpStream::connect(("127.0.0.1", loopback.port))
            .await
            .unwrap();
        let mut browser = TcpStream::connect(("localhost", loopback.port))
            .await
            .unwrap();
        let request = b"GET /?code=c&state=s HTTP/1.1\r\nHost: localhost\r\n\r\n";
        browser.write_all(request).await.unwrap();
        let visit = loopback.returned("s").await.unwrap();
        assert_eq!(visit.returned.ok().as_deref(), Some("c"));
    }

    proptest! {
        #[test]
        fn no_request_line_makes_the_parser_panic(line in ".{0,80}") {
            prop_assert!(parse(&line, "a state that nobody guesses").is_none());
        }
    }
}
