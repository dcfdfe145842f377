//! `[tenant.NAME]` and `[vault.NAME]`: the hosts that tokens go to.

use std::path::PathBuf;
use std::sync::Arc;

use url::{Host, Url};
use uuid::Uuid;

use super::entries::{Entries, Entry, Noun};
use super::paths::{Paths, Workload};
use super::problem::Findings;
use super::section::{Section, Text};
use super::settings::Danger;
use super::span::rotate_after;
use crate::catalog::{AzureCloud, Keep, Name, SignInMethod, Tenant, VaultSpec, WindowSpec};

/// Reads one tenant.
pub(super) fn tenant(
    entry: &Entry<'_>,
    paths: &Paths,
    danger: &Danger,
    findings: &mut Findings,
) -> Option<Tenant> {
    let section = &entry.section;
    section.allow(&TENANT, findings);
    let sign_in = section.word("sign_in", &SIGN_IN, SignInMethod::Browser, findings);
    let workload = match sign_in {
        Some(SignInMethod::WorkloadIdentity) => paths.workload.clone(),
        _ => Workload::default(),
    };
    let id = tenant_id(section, workload.tenant_id.as_deref(), findings);
    let client_id = client_id(section, sign_in, &workload, findings);
    let proof = proof(section, sign_in, paths, findings);
    let told = workload.authority.as_deref();
    let told = told.filter(|_| section.field("cloud").is_none());
    let usual = told.and_then(AzureCloud::of_authority).unwrap_or_default();
    let cloud = section.word("cloud", &CLOUD, usual, findings);
    let usual = cloud.unwrap_or_default();
    let mut host = |name, usual: &str, hosts| {
        let text = section.text(name, findings);
        let text = text.unwrap_or_else(|| section.says(usual));
        bare_url(text, name, hosts, danger, findings)
    };
    let authority = told.unwrap_or(usual.authority());
    let authority = host("authority", authority, LOGIN_HOSTS);
    let graph = host("graph", usual.graph(), GRAPH_HOSTS);
    let arm = host("arm", usual.arm(), ARM_HOSTS);
    let hint = section.text("login_hint", findings);
    let keep = section.word("keep_sign_in", &KEEP, Keep::default(), findings);
    Some(Tenant {
        name: entry.name.clone(),
        id: id?,
        client_id,
        sign_in: sign_in?,
        proof,
        keep: keep?,
        login_hint: hint.map(|hint| hint.text.to_owned()),
        cloud: cloud?,
        authority: authority?,
        graph: graph?,
        arm: arm?,
    })
}

/// Reads one vault.
pub(super) fn vault(
    entry: &Entry<'_>,
    entries: &Entries<'_>,
    windows: &[(Name, Arc<WindowSpec>)],
    danger: &Danger,
    findings: &mut Findings,
) -> Option<VaultSpec> {
    let section = &entry.section;
    section.allow(&["rotate_after", "url", "window"], findings);
    let url = section
        .needed(
            "url",
            "write url = \"https://NAME.vault.azure.net\"",
            findings,
        )
        .and_then(|text| bare_url(text, "url", VAULT_HOSTS, danger, findings));
    let window = section
        .needed("window", "write window = \"NAME\"", findings)
        .and_then(|text| entries.find(Noun::Window, text, windows, findings));
    if let (Some(url), Some(window)) = (&url, window) {
        in_cloud(url, window, section, findings);
    }
    Some(VaultSpec {
        name: entry.name.clone(),
        url: url?,
        window: Arc::clone(window?),
        rotate_after: rotate_after(section, findings),
    })
}

/// A token for the vaults of one cloud is of no use in another.
fn in_cloud(url: &Url, window: &WindowSpec, section: &Section<'_>, findings: &mut Findings) {
    let (host, tenant) = (url.host_str().unwrap_or_default(), &window.tenant);
    let elsewhere = |known: &&&str| host.ends_with(**known) && **known != tenant.cloud.vaults();
    let Some(other) = VAULT_HOSTS.iter().find(elsewhere) else {
        return;
    };
    findings.wrong(
        section.place,
        format!(
            "{} is in the cloud of {other}, and [tenant.{}] has cloud = {:?}",
            section.what,
            tenant.name,
            tenant.cloud.word()
        ),
        "set `cloud` of the tenant to the one that its vaults are in",
    );
}

fn tenant_id(section: &Section<'_>, told: Option<&str>, findings: &mut Findings) -> Option<String> {
    let id = match (section.field("id"), told) {
        (None, Some(told)) => section.says(told),
        _ => section.needed(
            "id",
            "write id = \"contoso.onmicrosoft.com\", or the tenant's GUID",
            findings,
        )?,
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let shared = ["common", "organizations", "consumers"].contains(&id.text);
    // It becomes a part of the authority's path.
    if shared || id.text.is_empty() || !id.text.chars().all(allowed) || id.text.contains("..") {
        findings.wrong(
            id.place,
            format!("{:?} is not the id of one tenant", id.text),
            "write its GUID or one of its domains, such as \"contoso.onmicrosoft.com\"",
        );
        return None;
    }
    Some(id.text.to_owned())
}

fn client_id(
    section: &Section<'_>,
    sign_in: Option<SignInMethod>,
    workload: &Workload,
    findings: &mut Findings,
) -> Option<String> {
    let text = match (section.field("client_id"), &workload.client_id) {
        // A user-assigned one would be named by it, and is not asked for.
        (Some(field), _) if sign_in == Some(SignInMethod::ManagedIdentity) => {
            findings.wrong(
                field.place,
                "client_id is not for sign_in = \"managed-identity\", which is the identity that the \
                 machine has of its own (system-assigned)",
                "remove it; for another identity take sign_in = \"workload-identity\" or \
                 \"client-certificate\" (docs/sign-in.md)",
            );
            return None;
        }
        (Some(field), _) => field.text(findings)?,
        (None, Some(told)) => section.says(told),
        (None, None) => {
            let needless = [SignInMethod::AzureCli, SignInMethod::ManagedIdentity];
            if sign_in.is_some_and(|it| !needless.contains(&it)) {
                findings.wrong(
                    section.place,
                    format!("{} has no client_id", section.what),
                    "register an application of your own (docs/azure-setup.md) and write its \
                     \"Application (client) ID\"",
                );
            }
            return None;
        }
    };
    guid(text, "client_id", findings).map(|id| id.to_string())
}

/// The file that an application shows for itself. It is read at each sign-in, not here.
fn proof(
    section: &Section<'_>,
    sign_in: Option<SignInMethod>,
    paths: &Paths,
    findings: &mut Findings,
) -> Option<PathBuf> {
    let mut found = None;
    for (name, method) in PROOFS {
        let mine = sign_in == Some(method);
        match section.field(name) {
            Some(field) if !mine => findings.wrong(
                field.place,
                format!("{name} is for sign_in = {:?} alone", method.word()),
                "remove it, or change sign_in",
            ),
            Some(field) => {
                let text = field.text(findings)?;
                found = Some(
                    text.place
                        .document
                        .resolve(text.text, paths.home.as_deref()),
                );
            }
            None if mine => {
                let told = paths.workload.token_file.clone();
                found = told.filter(|_| method == SignInMethod::WorkloadIdentity);
                if found.is_none() {
                    let what = format!("{} has no {name}", section.what);
                    findings.wrong(section.place, what, NO_PROOF);
                }
            }
            None => {}
        }
    }
    found
}

pub(super) fn guid(text: Text<'_>, name: &str, findings: &mut Findings) -> Option<Uuid> {
    // The long form only: `Uuid` would also take URNs and braces.
    let id = (text.text.len() == 36).then(|| Uuid::parse_str(text.text).ok());
    let id = id.flatten();
    if id.is_none() {
        findings.wrong(
            text.place,
            format!("{name} = {:?} is not a GUID", text.text),
            "write its object id, such as \"11111111-2222-3333-4444-555555555555\", not its name",
        );
    }
    id
}

/// An address that is nothing but a host, on one of `hosts`: a bearer token goes there.
fn bare_url(
    text: Text<'_>,
    name: &str,
    hosts: &[&str],
    danger: &Danger,
    findings: &mut Findings,
) -> Option<Url> {
    let usual = match hosts.first() {
        Some(host) if host.starts_with('.') => format!("https://NAME{host}"),
        host => format!("https://{}", host.unwrap_or(&"HOST")),
    };
    let url = Url::parse(text.text).ok().filter(is_bare);
    let Some(url) = url else {
        // Not quoted: an address can carry a password.
        findings.wrong(
            text.place,
            format!("{name} is not an https address of a host alone"),
            format!("write {name} = \"{usual}\""),
        );
        return None;
    };
    let ours = matches!(url.host(), Some(Host::Domain(host)) if hosts.iter().any(|known| {
        *known == host || (known.starts_with('.') && host.ends_with(known))
    }));
    if !ours && !danger.vouches_for(&url) {
        findings.wrong(
            text.place,
            format!("{name} is on a host that is none of Microsoft's, and tokens would go there"),
            format!(
                "correct it (usual is {usual}); for a test server name the host in \
                 [danger] resolve"
            ),
        );
        return None;
    }
    Some(url)
}

fn is_bare(url: &Url) -> bool {
    let no_login = url.username().is_empty() && url.password().is_none();
    let no_tail = url.query().is_none() && url.fragment().is_none();
    url.scheme() == "https" && no_login && no_tail && url.path() == "/"
}

/// Public cloud, US government, China.
const ARM_HOSTS: &[&str] = &[
    "management.azure.com",
    "management.usgovcloudapi.net",
    "management.chinacloudapi.cn",
];
const GRAPH_HOSTS: &[&str] = &[
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
];
const LOGIN_HOSTS: &[&str] = &[
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
];
const VAULT_HOSTS: &[&str] = &[
    ".vault.azure.net",
    ".vault.usgovcloudapi.net",
    ".vault.azure.cn",
];

const SIGN_IN: [(&str, SignInMethod); 6] = [
    (SignInMethod::AzureCli.word(), SignInMethod::AzureCli),
    (SignInMethod::Browser.word(), SignInMethod::Browser),
    (
        SignInMethod::ClientCertificate.word(),
        SignInMethod::ClientCertificate,
    ),
    (SignInMethod::DeviceCode.word(), SignInMethod::DeviceCode),
    (
        SignInMethod::ManagedIdentity.word(),
        SignInMethod::ManagedIdentity,
    ),
    (
        SignInMethod::WorkloadIdentity.word(),
        SignInMethod::WorkloadIdentity,
    ),
];

const PROOFS: [(&str, SignInMethod); 2] = [
    ("certificate_file", SignInMethod::ClientCertificate),
    ("token_file", SignInMethod::WorkloadIdentity),
];

const NO_PROOF: &str = "name the PEM file with the certificate and its key (certificate_file), or the \
                        file of the federated token (token_file; a cluster names it in \
                        AZURE_FEDERATED_TOKEN_FILE)";

const CLOUD: [(&str, AzureCloud); 4] = [
    (AzureCloud::China.word(), AzureCloud::China),
    (AzureCloud::Public.word(), AzureCloud::Public),
    (AzureCloud::UsGov.word(), AzureCloud::UsGov),
    (AzureCloud::UsGovDod.word(), AzureCloud::UsGovDod),
];

const KEEP: [(&str, Keep); 2] = [("keystore", Keep::Keystore), ("memory", Keep::Memory)];

const TENANT: [&str; 11] = [
    "arm",
    "authority",
    "certificate_file",
    "client_id",
    "cloud",
    "graph",
    "id",
    "keep_sign_in",
    "login_hint",
    "sign_in",
    "token_file",
];
