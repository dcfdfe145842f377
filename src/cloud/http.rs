//! HTTPS to the cloud: one client for all of it.
//!
//! Enters: a call, with the token that belongs to that host. Leaves: the answer, read whole, with
//! the server's own time. What never happens here: a redirect is followed, an answer is stored, or
//! a token is sent over anything but TLS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Certificate, Method};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::error_body::ErrorBody;
use super::reach::Reach;
use super::{AccessToken, CorrelationId};
use crate::clock::{Clock, Moment};
use crate::refusal::{Refusal, Service};

pub(super) use attempts::Repeat;

mod attempts;
#[cfg(all(unix, not(target_os = "macos")))]
mod authorities;

/// How to reach the cloud, where it is not simply there.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// The one authority to trust (PEM), instead of the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Hosts with fixed addresses.
    pub resolve: Vec<(String, SocketAddr)>,
}

/// The client.
pub(super) struct Http {
    /// Keeps connections; for answers without secrets.
    kept: reqwest::Client,
    /// Closes each connection after its answer, so that the buffers which held a token or a key
    /// are freed at once, and wiped by the allocator, instead of waiting for the next answer.
    once: reqwest::Client,
    pub(super) clock: Arc<dyn Clock>,
    /// Which hosts answer.
    pub(super) reach: Arc<Reach>,
    /// What time the cloud last said it was, and when it said so.
    heard: Mutex<Option<(Moment, Timestamp)>>,
}

/// One request.
pub(super) struct Call<'a> {
    pub(super) service: Service,
    pub(super) method: Method,
    pub(super) url: Url,
    /// None for what a service tells anybody.
    pub(super) token: Option<&'a AccessToken>,
    pub(super) id: CorrelationId,
    pub(super) body: Option<&'a Value>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Zeroizing<Vec<u8>>,
    /// When the request was sent.
    pub(super) sent: Moment,
    /// The server's time, cut to whole seconds; see [`Answer::latest`].
    pub(super) date: Option<Timestamp>,
    /// `Retry-After`.
    pub(super) wait: Option<Duration>,
    /// `WWW-Authenticate`.
    pub(super) challenge: Option<String>,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The latest that the server's time can have been.
    ///
    /// A `Date` is cut to whole seconds. What ends at a time of the server's must be counted from
    /// here, or it would be held for up to a second beyond its end.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        self.date.map(|date| date + Duration::from_secs(1))
    }

    pub(super) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether the service may have done what it was asked for all the same: a gateway's answer, or that of
    /// one which failed after it began.
    pub(super) const fn may_be_lost(&self) -> bool {
        matches!(self.status, 500 | 502 | 504)
    }

    /// Why a success is none: a part of an answer, an error in disguise, or somebody else's page.
    fn oddity(&self, gets: bool) -> Option<String> {
        if !self.is_success() || (self.body.is_empty() && !gets) {
            return None;
        }
        // Reads over the values without copying them: one may be a secret.
        let Ok(told) = serde_json::from_slice::<Told>(&self.body) else {
            let why = "something that is no JSON came in place of its answer: part of it, or the \
                       page of a proxy or of a network's sign-in";
            return Some(why.to_owned());
        };
        told.error?;
        let code = ErrorBody::of(self).code;
        Some(format!(
            "it answered {} with the error {code:?}",
            self.status
        ))
    }
}

/// The one thing that every answer is looked at for.
#[derive(Deserialize)]
struct Told {
    error: Option<serde::de::IgnoredAny>,
}

impl Http {
    pub(super) fn new(network: &Network, clock: Arc<dyn Clock>) -> Result<Self, Refusal> {
        let failed = |error: reqwest::Error| unreachable(Service::Entra, &error);
        // Read once for both.
        let authorities = authorities(network).map_err(failed)?;
        let kept = trusting(network, authorities.clone()).build();
        let once = trusting(network, authorities).pool_max_idle_per_host(0);
        let (kept, once) = (kept.map_err(failed)?, once.build().map_err(failed)?);
        Ok(Self {
            kept,
            once,
            reach: Arc::new(Reach::new(Arc::clone(&clock))),
            clock,
            heard: Mutex::default(),
        })
    }

    /// The cloud's time, whatever this machine's wall clock says; never ahead of it.
    ///
    /// An activation that began in the cloud's future would only be scheduled.
    pub(super) fn server_time(&self) -> Timestamp {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        match heard {
            Some((at, date)) => date + at.until(self.clock.now()),
            None => self.clock.wall(),
        }
    }

    /// Takes the time from an answer.
    fn hear(&self, headers: &HeaderMap) -> Option<Timestamp> {
        let date = date(headers)?;
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        *heard = Some((self.clock.now(), date));
        Some(date)
    }

    /// Reads `url`, again where there is no answer; without a token, what a service tells anybody.
    pub(super) async fn get(
        &self,
        service: Service,
        url: Url,
        token: Option<&AccessToken>,
        id: CorrelationId,
    ) -> Result<Answer, Refusal> {
        let call = Call {
            service,
            method: Method::GET,
            url,
            token,
            id,
            body: None,
        };
        self.repeated(&call).await
    }

    /// Sends a call that changes nothing, again where there is no answer.
    pub(super) async fn repeated(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let host = call.url.host_str();
        let mut attempts = self.attempts(call.service, host, Repeat::Always)?;
        loop {
            let outcome = self.send(call).await;
            if !attempts.again(&outcome).await {
                return outcome;
            }
        }
    }

    /// Sends `call` once.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, Refusal> {
        let client = self.client(call.service, &call.method);
        let mut request = client
            .request(call.method.clone(), call.url.clone())
            .header(id_header(call.service), call.id.to_string())
            .header("Accept", "application/json");
        if let Some(token) = call.token {
            request = request.bearer_auth(token.secret.expose_secret());
        }
        if let Some(body) = call.body {
            request = request.json(body);
        }
        let request = request
            .build()
            .map_err(|error| unreachable(call.service, &error))?;
        self.exchange(call.service, request).await
    }

    /// Sends `request` once, and reads the answer whole.
    pub(super) async fn exchange(
        &self,
        service: Service,
        request: reqwest::Request,
    ) -> Result<Answer, Refusal> {
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let gets = request.method() == Method::GET;
        let longest = match service {
            Service::Pim | Service::PimAzure if !gets => LONGEST_POST,
            _ => LONGEST_READ,
        };
        let sent = self.clock.now();
        let answer = tokio::select! {
            answer = self.receive(service, request, sent) => answer?,
            // By our clock, on which a suspend counts: what began before it is not waited for.
            () = self.clock.sleep(longest) => {
                let why = format!("it did not answer within {} s", longest.as_secs());
                return Err(Refusal::Unreachable { service, why });
            }
        };
        if answer.status < 500 {
            self.reach.answered(&host);
        }
        match answer.oddity(gets) {
            Some(why) => Err(Refusal::Unreachable { service, why }),
            None => Ok(answer),
        }
    }

    async fn receive(
        &self,
        service: Service,
        request: reqwest::Request,
        sent: Moment,
    ) -> Result<Answer, Refusal> {
        let failed = |error: reqwest::Error| unreachable(service, &error);
        let client = self.client(service, request.method());
        let response = client.execute(request).await;
        let mut response = response.map_err(failed)?;
        let headers = response.headers();
        let (date, wait) = (self.hear(headers), retry_after(headers));
        let challenge = text(headers, &WWW_AUTHENTICATE).map(str::to_owned);
        let status = response.status().as_u16();
        // Room for the whole body at once, so that growing leaves no copies of a part behind.
        let length = response.content_length().unwrap_or(4096);
        let length = usize::try_from(length)
            .unwrap_or(LONGEST_BODY)
            .min(LONGEST_BODY);
        let mut body = Zeroizing::new(Vec::with_capacity(length));
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if body.len() + part.len() > LONGEST_BODY {
                let why = "its answer is longer than any it should give".to_owned();
                return Err(Refusal::Unreachable { service, why });
            }
            body.extend_from_slice(&part);
            wipe(part);
        }
        Ok(Answer {
            status,
            body,
            sent,
            date,
            wait,
            challenge,
        })
    }

    fn client(&self, service: Service, method: &Method) -> &reqwest::Client {
        match service {
            Service::Pim | Service::PimAzure => &self.kept,
            // A signature: no secret, and a login waits for it. What is stored in a vault is PUT.
            Service::KeyVault if *method == Method::POST => &self.kept,
            Service::Entra | Service::KeyVault => &self.once,
        }
    }
}

pub(super) fn builder(network: &Network) -> Result<reqwest::ClientBuilder, reqwest::Error> {
    Ok(trusting(network, authorities(network)?))
}

/// Whom to trust: the one authority that is named, else the system's; `None` where that is not ours to say.
fn authorities(network: &Network) -> Result<Option<Vec<Certificate>>, reqwest::Error> {
    match &network.ca_pem {
        Some(pem) => Ok(Some(vec![Certificate::from_pem(pem)?])),
        None => Ok(system_authorities()),
    }
}

fn trusting(network: &Network, authorities: Option<Vec<Certificate>>) -> reqwest::ClientBuilder {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("pimento/", env!("CARGO_PKG_VERSION")))
        .https_only(true)
        .http1_only()
        // A redirect could carry a token or a secret's address to another host.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .referer(false);
    // Also where there are none: the library would look for some by itself.
    if let Some(authorities) = authorities {
        builder = builder.tls_certs_only(authorities);
    }
    for (host, address) in &network.resolve {
        builder = builder.resolve(host, *address);
    }
    builder
}

#[cfg(all(unix, not(target_os = "macos")))]
fn system_authorities() -> Option<Vec<Certificate>> {
    Some(authorities::trusted())
}

/// None of ours to give: macOS and Windows verify by themselves.
#[cfg(not(all(unix, not(target_os = "macos"))))]
const fn system_authorities() -> Option<Vec<Certificate>> {
    None
}

/// The header by which a service takes the correlation id into its log.
const fn id_header(service: Service) -> &'static str {
    match service {
        Service::Entra | Service::Pim => "client-request-id",
        Service::KeyVault | Service::PimAzure => "x-ms-client-request-id",
    }
}

/// Overwrites a buffer of the HTTP library, if nobody else holds it.
fn wipe(part: bytes::Bytes) {
    use zeroize::Zeroize as _;
    if let Ok(mut part) = part.try_into_mut() {
        part.as_mut().zeroize();
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text(headers, &DATE)?)
        .ok()
        .map(|date| date.timestamp())
}

/// In seconds, which Graph also writes with a fraction (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = text(headers, &RETRY_AFTER)?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

pub(super) fn unreachable(service: Service, error: &dyn std::error::Error) -> Refusal {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Refusal::Unreachable {
        service,
        why: cause.to_string(),
    }
}

/// One attempt may take this long, connecting included: so that there is time for a second.
const LONGEST_READ: Duration = Duration::from_secs(10);

/// What is posted is not posted again, so it gets more time.
const LONGEST_POST: Duration = Duration::from_secs(20);

/// Far above any policy or secret, far below what would hurt.
const LONGEST_BODY: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::manual::ManualClock;

    #[test]
    fn what_carries_a_secret_keeps_no_connection_and_a_signature_does() {
        let http = Http::new(&Network::default(), Arc::new(ManualClock::new())).unwrap();
        let keeps =
            |service, method| std::ptr::eq(http.client(service, &method), &raw const http.kept);
        assert!(keeps(Service::KeyVault, Method::POST));
        assert!(keeps(Service::Pim, Method::POST));
        // A secret that is read, one that is stored, a token.
        assert!(!keeps(Service::KeyVault, Method::GET));
        assert!(!keeps(Service::KeyVault, Method::PUT));
        assert!(!keeps(Service::Entra, Method::POST));
    }
}
