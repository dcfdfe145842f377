//! The OAuth 2.0 grants, through the `oauth2` crate over our own client.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use oauth2::basic::BasicTokenType;
use oauth2::{
    AsyncHttpClient, AuthUrl, AuthorizationCode, Client, ClientId, DeviceAuthorizationUrl,
    EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeVerifier, RedirectUrl,
    RefreshToken, RequestTokenError, Scope, StandardDeviceAuthorizationResponse,
    StandardErrorResponse, StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use reqwest::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::expires;
use super::refused::{EntraError, refuse};
use crate::catalog::Tenant;
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::{Answer, Http, Repeat, unreachable};
use crate::cloud::{AccessToken, CorrelationId, GRAPH_SCOPES, Resource};
use crate::refusal::{Refusal, Service};

/// The grants of one tenant's endpoints.
pub(super) struct OAuth {
    pub(super) client: EntraClient,
    pub(super) tenant: Arc<str>,
    pub(super) graph: Url,
    arm: Url,
    /// What a vault's permissions begin with.
    vault: String,
    http: Arc<Http>,
    id: CorrelationId,
    /// Where an administrator consents.
    consent: String,
}

/// What a grant gave.
pub(super) struct Tokens {
    pub(super) access: AccessToken,
    pub(super) refresh: Option<SecretString>,
    pub(super) id_token: Option<String>,
}

/// Entra sends an id token beside the others.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct IdToken {
    id_token: Option<String>,
}

impl ExtraTokenFields for IdToken {}

type EntraTokens = StandardTokenResponse<IdToken, BasicTokenType>;

type EntraClient = Client<
    EntraError,
    EntraTokens,
    oauth2::basic::BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    StandardErrorResponse<oauth2::RevocationErrorResponseType>,
    EndpointSet,
    EndpointSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    EndpointSet,
>;

impl OAuth {
    pub(super) fn new(
        http: Arc<Http>,
        tenant: &Tenant,
        id: CorrelationId,
    ) -> Result<Self, Refusal> {
        let name = tenant.name.to_string();
        let refuse = |why: &str| Refusal::SignIn {
            tenant: name.clone(),
            why: why.to_owned(),
        };
        let client_id = tenant.client_id.clone().ok_or_else(|| {
            refuse("the configuration names no application registration (`client_id`)")
        })?;
        let base = format!("{}{}/oauth2/v2.0", tenant.authority, tenant.id);
        let bad = |_| refuse("the configured authority is not an address");
        let client = Client::new(ClientId::new(client_id.clone()))
            .set_auth_uri(AuthUrl::new(format!("{base}/authorize")).map_err(bad)?)
            .set_device_authorization_url(
                DeviceAuthorizationUrl::new(format!("{base}/devicecode")).map_err(bad)?,
            )
            .set_token_uri(TokenUrl::new(format!("{base}/token")).map_err(bad)?)
            .set_auth_type(oauth2::AuthType::RequestBody);
        let consent = format!(
            "{}{}/adminconsent?client_id={client_id}",
            tenant.authority, tenant.id
        );
        let (graph, arm) = (tenant.graph.clone(), tenant.arm.clone());
        Ok(Self {
            client,
            tenant: name.as_str().into(),
            graph,
            arm,
            vault: tenant.cloud.vault_audience(),
            http,
            id,
            consent,
        })
    }

    /// Redeems the refresh token for a token of `resource`.
    pub(super) async fn refresh(
        &self,
        token: &str,
        resource: Resource,
        claims: &str,
    ) -> Result<Tokens, Refusal> {
        let token = RefreshToken::new(token.to_owned());
        let answer = self
            .client
            .exchange_refresh_token(&token)
            .add_scopes(self.scopes(resource))
            .add_extra_param("claims", claims)
            .request_async(self)
            .await;
        self.tokens(answer)
    }

    /// Redeems the code that the browser brought back.
    pub(super) async fn code(
        &self,
        code: String,
        verifier: &PkceCodeVerifier,
        redirect: &RedirectUrl,
        (resource, claims): (Resource, &str),
    ) -> Result<Tokens, Refusal> {
        let scopes: Vec<String> = self
            .scopes(resource)
            .iter()
            .map(|it| it.to_string())
            .collect();
        let answer = self
            .client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.secret().clone()))
            .set_redirect_uri(std::borrow::Cow::Borrowed(redirect))
            .add_extra_param("scope", scopes.join(" "))
            .add_extra_param("claims", claims)
            .request_async(self)
            .await;
        self.tokens(answer)
    }

    /// Redeems what an application shows for itself; `refuse` tells what an error means for it.
    pub(super) async fn application(
        &self,
        assertion: &str,
        resource: Resource,
        refuse: impl Fn(&EntraError) -> Refusal,
    ) -> Result<AccessToken, Refusal> {
        let of = match resource {
            Resource::Graph => self.graph.as_str(),
            Resource::Vault => &self.vault,
            Resource::Arm => self.arm.as_str(),
        };
        let answer = self
            .client
            .exchange_client_credentials()
            // What the application may do there is what it was given: it cannot ask for less.
            .add_scope(Scope::new(format!("{of}.default")))
            .add_extra_param("client_assertion_type", JWT_BEARER)
            .add_extra_param("client_assertion", assertion)
            .request_async(self)
            .await;
        match answer {
            Err(RequestTokenError::ServerResponse(error)) => Err(refuse(&error)),
            answer => self.tokens(answer).map(|tokens| tokens.access),
        }
    }

    /// Where tokens are asked for.
    pub(super) fn token_endpoint(&self) -> &str {
        self.client.token_uri().as_str()
    }

    /// What time it is, by the cloud's clock as far as it is known.
    pub(super) fn now(&self) -> Timestamp {
        self.http.server_time()
    }

    /// Asks for a device code.
    pub(super) async fn device_code(
        &self,
        claims: &str,
    ) -> Result<StandardDeviceAuthorizationResponse, Refusal> {
        let answer = self
            .client
            .exchange_device_code()
            .add_scopes(self.scopes(Resource::Graph))
            .add_extra_param("claims", claims)
            .request_async(self)
            .await;
        answer.map_err(|error| self.failed(error))
    }

    /// Polls until the person has typed the code.
    pub(super) async fn device(
        &self,
        details: &StandardDeviceAuthorizationResponse,
        claims: &str,
    ) -> Result<Tokens, Refusal> {
        let clock = Arc::clone(&self.http.clock);
        let sleep = move |span: Duration| {
            let clock = Arc::clone(&clock);
            async move { clock.sleep(span).await }
        };
        let answer = self
            .client
            .exchange_device_access_token(details)
            .add_extra_param("claims", claims)
            .request_async(self, sleep, Some(details.expires_in()))
            .await;
        self.tokens(answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(error) => {
                RequestTokenError::ServerResponse(EntraError::of_device(&error))
            }
            RequestTokenError::Request(error) => RequestTokenError::Request(error),
            RequestTokenError::Parse(error, body) => RequestTokenError::Parse(error, body),
            RequestTokenError::Other(text) => RequestTokenError::Other(text),
        }))
    }

    /// The scopes of a resource; Graph's are those of `docs/azure-setup.md`.
    pub(super) fn scopes(&self, resource: Resource) -> Vec<Scope> {
        let graph = self.graph.as_str().trim_end_matches('/');
        let scopes: Vec<String> = match resource {
            Resource::Graph => GRAPH_SCOPES
                .iter()
                .map(|name| format!("{graph}/{name}"))
                .collect(),
            Resource::Vault => vec![format!("{}user_impersonation", self.vault)],
            Resource::Arm => vec![format!("{}user_impersonation", self.arm)],
        };
        let common = ["openid", "profile", "offline_access"].map(str::to_owned);
        scopes.into_iter().chain(common).map(Scope::new).collect()
    }

    /// Waits by the clock that everything else goes by.
    pub(super) async fn sleep(&self, span: Duration) {
        self.http.clock.sleep(span).await;
    }

    /// The typed refusal for an error that the browser brought back.
    pub(super) fn refused(&self, error: &EntraError) -> Refusal {
        refuse(&self.tenant, &self.consent, error)
    }

    /// The sign-in has come to nothing.
    pub(super) fn refuse(&self, why: &str) -> Refusal {
        Refusal::SignIn {
            tenant: self.tenant.to_string(),
            why: why.to_owned(),
        }
    }

    fn tokens(
        &self,
        answer: Result<EntraTokens, RequestTokenError<Refusal, EntraError>>,
    ) -> Result<Tokens, Refusal> {
        let tokens = answer.map_err(|error| self.failed(error))?;
        let now = self.http.clock.now();
        Ok(Tokens {
            access: AccessToken {
                secret: tokens.access_token().secret().as_str().into(),
                expires: expires(now, tokens.expires_in()),
            },
            refresh: tokens
                .refresh_token()
                .map(|token| token.secret().as_str().into()),
            id_token: tokens.extra_fields().id_token.clone(),
        })
    }

    fn failed(&self, error: RequestTokenError<Refusal, EntraError>) -> Refusal {
        match error {
            RequestTokenError::ServerResponse(error) => self.refused(&error),
            RequestTokenError::Request(refusal) => refusal,
            // The body is not told: it may hold tokens.
            RequestTokenError::Parse(..) => Refusal::Unreachable {
                service: Service::Entra,
                why: "its answer is not that of a token endpoint".to_owned(),
            },
            RequestTokenError::Other(text) => self.refuse(&text),
        }
    }

    /// Sends a request, again where that does no harm: a code may be redeemed once, a refresh token and
    /// an assertion stay valid when their answer is lost.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Refusal> {
        let failed = |error: reqwest::Error| unreachable(Service::Entra, &error);
        let body = request.body();
        let has = |grant: &&[u8]| body.windows(grant.len()).any(|part| part == *grant);
        let lasts = LASTING.iter().any(has);
        let mut request = reqwest::Request::try_from(request).map_err(failed)?;
        if let Ok(id) = self.id.to_string().parse() {
            request.headers_mut().insert("client-request-id", id);
        }
        let host = request.url().host_str().map(str::to_owned);
        let (service, host) = (Service::Entra, host.as_deref());
        let mut attempts = self.http.attempts(service, host, Repeat::Always)?;
        loop {
            let again = request.try_clone().filter(|_| lasts);
            let outcome = self.http.exchange(service, request).await;
            match again {
                Some(again) if attempts.again(&outcome).await => request = again,
                _ => return response(&outcome?),
            }
        }
    }
}

/// What the OAuth library is to make of an answer; what is none of its errors is told here.
fn response(answer: &Answer) -> Result<HttpResponse, Refusal> {
    let theirs = || answer.json().get("error").is_some_and(Value::is_string);
    if matches!(answer.status, 429 | 503) || (!answer.is_success() && !theirs()) {
        return Err(ErrorBody::of(answer).refuse(Service::Entra, answer));
    }
    let mut response = HttpResponse::new(answer.body.to_vec());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or_default();
    Ok(response)
}

/// A boxed future, because the crate's own closures cannot be proven `Send` here.
impl<'c> AsyncHttpClient<'c> for OAuth {
    type Error = Refusal;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Refusal>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// What stands in the form of a request that redeems what can be redeemed again.
const LASTING: [&[u8]; 2] = [
    b"grant_type=refresh_token",
    b"grant_type=client_credentials",
];

/// A client assertion that is a JSON Web Token (RFC 7523, section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
