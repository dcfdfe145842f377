//! Sign-ins of applications, which show Entra an assertion in a person's place (RFC 7523).
//!
//! Enters: the file that a tenant names, read anew each time, because it is rotated. Leaves: a token
//! for one resource. With a certificate the assertion is made and signed here; a workload's comes
//! from its cluster as it is. What never happens here: a file is sent that is no token, or a key is
//! used that others can read.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::oauth::OAuth;
use crate::catalog::{SignInMethod, Tenant};
use crate::cloud::{AccessToken, Resource, jwt};
use crate::refusal::Refusal;
use crate::secret::certificate::Certificate;

mod refused;

/// Signs in for a token of `resource`.
pub(super) async fn token(
    oauth: &OAuth,
    tenant: &Tenant,
    resource: Resource,
) -> Result<AccessToken, Refusal> {
    let path = tenant.proof.as_deref().unwrap_or(Path::new(""));
    let assertion = match tenant.sign_in {
        SignInMethod::WorkloadIdentity => federated(tenant, path).await?,
        _ => certified(oauth, tenant, path).await?,
    };
    let shown = Shown {
        tenant,
        path,
        claims: jwt::claims(&assertion).unwrap_or_default(),
    };
    let refuse = |error: &super::refused::EntraError| refused::refuse(&shown, error);
    oauth.application(&assertion, resource, refuse).await
}

/// What was shown to Entra, for those who have to mend it. No secret.
struct Shown<'a> {
    tenant: &'a Tenant,
    path: &'a Path,
    claims: Value,
}

/// The token that the cluster keeps in the file.
async fn federated(tenant: &Tenant, path: &Path) -> Result<Zeroizing<String>, Refusal> {
    let refuse = |why: String| no(tenant, why, CLUSTER);
    let read = read(path).await.map_err(|why| refuse(unread(path, &why)))?;
    let token = std::str::from_utf8(&read.text).unwrap_or_default().trim();
    if jwt::claims::<Value>(token).is_none() {
        return Err(refuse(format!("{} holds no token", path.display())));
    }
    Ok(Zeroizing::new(token.to_owned()))
}

/// An assertion of the application's own, signed with the key of its certificate.
async fn certified(
    oauth: &OAuth,
    tenant: &Tenant,
    path: &Path,
) -> Result<Zeroizing<String>, Refusal> {
    let file = path.display();
    let refuse = |why: String| no(tenant, why, &certificate_advice(tenant));
    let read = read(path).await.map_err(|why| refuse(unread(path, &why)))?;
    if read.open_to_others {
        let why = format!("others can read {file}, which holds a private key");
        let remedy = format!(
            "`chmod 600 {file}`; if somebody else may have read it, make a new key and certificate and \
             remove the old one from the application registration"
        );
        return Err(no(tenant, why, &remedy));
    }
    let certificate = Certificate::parse(&read.text);
    let certificate = certificate.map_err(|problem| refuse(format!("{file}: {problem}")))?;
    let now = oauth.now();
    if certificate.ends() <= now || now < certificate.begins() {
        let (begins, ends) = (certificate.begins(), certificate.ends());
        let why = format!("the certificate in {file} is for {begins} to {ends}, and it is {now}");
        return Err(refuse(why));
    }
    let unsigned = unsigned(&certificate, tenant, oauth.token_endpoint(), now);
    let signature = certificate.sign(unsigned.as_bytes());
    let signature = signature.map_err(|problem| refuse(problem.to_string()))?;
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Ok(Zeroizing::new(format!("{unsigned}.{signature}")))
}

/// Header and claims of an assertion, as Microsoft's "certificate credentials" has them.
fn unsigned(certificate: &Certificate, tenant: &Tenant, audience: &str, now: Timestamp) -> String {
    let client_id = tenant.client_id.as_deref().unwrap_or_default();
    let now = now.as_second();
    let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": certificate.thumbprint()});
    let claims = json!({
        "aud": audience,
        "iss": client_id,
        "sub": client_id,
        "jti": Uuid::new_v4().to_string(),
        "iat": now,
        "nbf": now,
        "exp": now + LIFE.as_secs().cast_signed(),
    });
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// What stands in a file.
struct Read {
    text: Zeroizing<Vec<u8>>,
    open_to_others: bool,
}

async fn read(path: &Path) -> std::io::Result<Read> {
    let file = File::open(path).await?;
    // Of what was opened, whatever the path may name by now.
    let metadata = file.metadata().await?;
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
    file.take(LONGEST as u64).read_to_end(&mut text).await?;
    Ok(Read {
        text,
        open_to_others: open_to_others(&metadata),
    })
}

/// Whether anybody but its owner can read or change it. A group may read: what systemd or a cluster
/// lends to one service is given by its group.
#[cfg(unix)]
fn open_to_others(metadata: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o037 != 0
}

#[cfg(not(unix))]
const fn open_to_others(_: &std::fs::Metadata) -> bool {
    false
}

fn unread(path: &Path, why: &std::io::Error) -> String {
    format!("{} cannot be read ({why})", path.display())
}

fn no(tenant: &Tenant, why: String, remedy: &str) -> Refusal {
    Refusal::Application {
        tenant: tenant.name.to_string(),
        why,
        remedy: remedy.to_owned(),
    }
}

fn certificate_advice(tenant: &Tenant) -> String {
    let client_id = tenant.client_id.as_deref().unwrap_or("CLIENT_ID");
    format!(
        "put the certificate and its RSA key, both in PEM form, into the file that certificate_file of \
         [tenant.{}] names; an owner of the application registers the certificate alone: `az ad app \
         credential reset --id {client_id} --cert @CERTIFICATE.pem --append`",
        tenant.name
    )
}

const CLUSTER: &str = "whoever runs the cluster projects the service account's token, for the audience \
                       api://AzureADTokenExchange, into the file that token_file or \
                       AZURE_FEDERATED_TOKEN_FILE names: \
                       https://learn.microsoft.com/azure/aks/workload-identity-overview";

/// How long an assertion may be used; Microsoft's advice is five to ten minutes.
const LIFE: Duration = Duration::from_secs(300);

/// Far longer than a certificate with its chain, or any token.
const LONGEST: usize = 64 * 1024;
