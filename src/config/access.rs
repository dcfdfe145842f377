//! `[tenant.NAME]` and `[vault.NAME]`: the hosts that tokens go to.

use std::sync::Arc;

use url::{Host, Url};
use uuid::Uuid;

use super::entries::{Entries, Entry, Noun};
use super::problem::Findings;
use super::section::{Section, Text, one_of};
use super::settings::Danger;
use super::span::rotate_after;
use crate::catalog::{AzureCloud, Keep, Name, SignInMethod, Tenant, VaultSpec, WindowSpec};

/// Reads one tenant.
pub(super) fn tenant(
    entry: &Entry<'_>,
    danger: &Danger,
    findings: &mut Findings,
) -> Option<Tenant> {
    let section = &entry.section;
    section.allow(&TENANT, findings);
    let id = section.needed(
        "id",
        "write id = \"contoso.onmicrosoft.com\", or the tenant's GUID",
        findings,
    );
    let id = id.and_then(|id| tenant_id(id, findings));
    let sign_in = sign_in(section, findings);
    let client_id = client_id(section, sign_in, findings);
    let cloud = section.word("cloud", &CLOUD, AzureCloud::default(), findings);
    let usual = cloud.unwrap_or_default();
    let mut host = |name, usual, hosts| match section.text(name, findings) {
        None => Url::parse(usual).ok(),
        Some(text) => bare_url(text, name, hosts, danger, findings),
    };
    let authority = host("authority", usual.authority(), LOGIN_HOSTS);
    let graph = host("graph", usual.graph(), GRAPH_HOSTS);
    let arm = host("arm", usual.arm(), ARM_HOSTS);
    let hint = section.text("login_hint", findings);
    let keep = section.word("keep_sign_in", &KEEP, Keep::default(), findings);
    Some(Tenant {
        name: entry.name.clone(),
        id: id?,
        client_id,
        sign_in: sign_in?,
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

fn tenant_id(id: Text<'_>, findings: &mut Findings) -> Option<String> {
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

fn sign_in(section: &Section<'_>, findings: &mut Findings) -> Option<SignInMethod> {
    let Some(field) = section.field("sign_in") else {
        return Some(SignInMethod::Browser);
    };
    let text = field.text(findings)?;
    if matches!(text.text, "workload-identity" | "client-certificate") {
        findings.wrong(
            text.place,
            format!("sign_in = {:?} cannot open a window", text.text),
            "an application is no person, and PIM lets only people activate: use \"browser\" or \
             \"device-code\"",
        );
        return None;
    }
    one_of(text, "sign_in", &SIGN_IN, findings)
}

fn client_id(
    section: &Section<'_>,
    sign_in: Option<SignInMethod>,
    findings: &mut Findings,
) -> Option<String> {
    let Some(field) = section.field("client_id") else {
        if matches!(
            sign_in,
            Some(SignInMethod::Browser | SignInMethod::DeviceCode)
        ) {
            findings.wrong(
                section.place,
                format!("{} has no client_id", section.what),
                "register an application of your own (docs/azure-setup.md) and write its \
                 \"Application (client) ID\"",
            );
        }
        return None;
    };
    let text = field.text(findings)?;
    guid(text, "client_id", findings).map(|id| id.to_string())
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

const SIGN_IN: [(&str, SignInMethod); 4] = [
    ("azure-cli", SignInMethod::AzureCli),
    ("browser", SignInMethod::Browser),
    ("device-code", SignInMethod::DeviceCode),
    ("managed-identity", SignInMethod::ManagedIdentity),
];

const CLOUD: [(&str, AzureCloud); 4] = [
    (AzureCloud::China.word(), AzureCloud::China),
    (AzureCloud::Public.word(), AzureCloud::Public),
    (AzureCloud::UsGov.word(), AzureCloud::UsGov),
    (AzureCloud::UsGovDod.word(), AzureCloud::UsGovDod),
];

const KEEP: [(&str, Keep); 2] = [("keystore", Keep::Keystore), ("memory", Keep::Memory)];

const TENANT: [&str; 9] = [
    "arm",
    "authority",
    "client_id",
    "cloud",
    "graph",
    "id",
    "keep_sign_in",
    "login_hint",
    "sign_in",
];
