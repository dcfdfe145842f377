//! `[agent]`, `[audit]` and `[danger]`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::{Host, Url};

use super::document::Place;
use super::entries::Entries;
use super::paths::Paths;
use super::problem::Findings;
use super::section::{Field, Section, Text, one_of};
use super::span::{Limits, span};
use crate::aftermath::AtEnd;
use crate::file::same_place;
use crate::prompt::{self, is_ours};

/// How the agent behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// An ask is answered or refused within this.
    pub answer_within: Duration,
    /// How long a vault may take to see a membership that PIM reports as active.
    pub propagation: Duration,
    /// How long an opening waits for an approver.
    pub approval_wait: Duration,
    /// Where the names of host keys are looked up.
    pub known_hosts: Vec<PathBuf>,
    /// The socket of an agent that has the keys which this one has not.
    pub upstream: Option<PathBuf>,
    /// Whether the agent listens on the pipe of Windows' own agent as well, where programs look that
    /// cannot be told of another.
    pub openssh_pipe: bool,
    /// How the user is asked.
    pub prompts: prompt::Settings,
    /// What is done when a window has ended.
    pub at_end: AtEnd,
}

/// What weakens the protection of the connections to the cloud; empty unless configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Danger {
    /// Certificate authorities that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Hosts that are not looked up, and where they are.
    pub resolve: Vec<(String, SocketAddr)>,
}

impl Danger {
    /// Whether tokens may go to that host although no cloud of Microsoft's owns it.
    pub(super) fn vouches_for(&self, url: &Url) -> bool {
        let loopback = match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            _ => false,
        };
        let resolved = |host: &str| self.resolve.iter().any(|(known, _)| known == host);
        (loopback && self.ca_file.is_some()) || url.host_str().is_some_and(resolved)
    }
}

/// Reads `[agent]`.
pub(super) fn agent(
    entries: &Entries<'_>,
    paths: &Paths,
    findings: &mut Findings,
) -> AgentSettings {
    let home = paths.home.as_deref();
    let mut settings = AgentSettings {
        answer_within: Duration::from_secs(60),
        propagation: Duration::from_secs(300),
        approval_wait: Duration::from_secs(3600),
        known_hosts: known_hosts(home),
        upstream: None,
        openssh_pipe: false,
        prompts: prompt::Settings::default(),
        at_end: AtEnd::default(),
    };
    let Some(section) = entries.settings("agent") else {
        return settings;
    };
    let known = [
        "answer_within",
        "approval_wait",
        "askpass",
        "at_end",
        "known_hosts",
        "notify",
        "openssh_pipe",
        "pinentry",
        "prompt_timeout",
        "propagation",
        "upstream",
    ];
    section.allow(&known, findings);
    let mut read = |name, limits, setting: &mut Duration| {
        let text = section.text(name, findings);
        if let Some(span) = text.and_then(|text| span(text, name, limits, findings)) {
            *setting = span.unsigned_abs();
        }
    };
    read("answer_within", ANSWER, &mut settings.answer_within);
    read("propagation", PROPAGATION, &mut settings.propagation);
    read("approval_wait", APPROVAL, &mut settings.approval_wait);
    read("prompt_timeout", PROMPT, &mut settings.prompts.timeout);
    settings.upstream = upstream(section, paths, findings);
    settings.openssh_pipe = openssh_pipe(section, findings);
    settings.prompts.askpass = program(section, "askpass", home, findings);
    settings.prompts.pinentry = program(section, "pinentry", home, findings);
    settings.prompts.notify = notify(section, home, findings);
    settings.at_end = at_end(section, findings);
    let files = section.field("known_hosts");
    if let Some(files) = files.and_then(|field| field.texts(findings)) {
        let file = |file: Text<'_>| file.place.document.resolve(file.text, home);
        settings.known_hosts = files.into_iter().map(file).collect();
    }
    settings
}

/// The agent behind this one, which cannot be this one: each request would cause the next.
fn upstream(section: &Section<'_>, paths: &Paths, findings: &mut Findings) -> Option<PathBuf> {
    let socket = section.text("upstream", findings)?;
    let home = paths.home.as_deref();
    let path = socket.place.document.resolve(socket.text, home);
    // It may be a link, such as one that SSH_AUTH_SOCK names for good.
    let leads = path.canonicalize().unwrap_or_else(|_| path.clone());
    let own = paths.agent_socket();
    if same_place(&path, &own) || same_place(&leads, &own) {
        findings.wrong(
            socket.place,
            format!(
                "upstream {} is the socket of this agent itself",
                path.display()
            ),
            "name the socket of the other agent, or take it out",
        );
        return None;
    }
    Some(path)
}

/// Only Windows has that pipe: elsewhere it would be a promise that is not kept.
fn openssh_pipe(section: &Section<'_>, findings: &mut Findings) -> bool {
    let Some(field) = section.field("openssh_pipe") else {
        return false;
    };
    let wanted = field.truth(findings).unwrap_or_default();
    if wanted && !cfg!(windows) {
        findings.wrong(
            field.place,
            "openssh_pipe is for Windows, and this is not",
            "take it out, and name pimento's socket as IdentityAgent or SSH_AUTH_SOCK",
        );
    }
    wanted
}

/// What shows notices; an empty text switches them off.
fn notify(
    section: &Section<'_>,
    home: Option<&Path>,
    findings: &mut Findings,
) -> prompt::NotifyProgram {
    let off = |field: Field<'_>| field.value.as_str() == Some("");
    match section.field("notify") {
        None => prompt::NotifyProgram::Standard,
        Some(field) if off(field) => prompt::NotifyProgram::None,
        Some(_) => program(section, "notify", home, findings)
            .map_or(prompt::NotifyProgram::None, prompt::NotifyProgram::At),
    }
}

/// What is done by itself when a window has ended.
fn at_end(section: &Section<'_>, findings: &mut Findings) -> AtEnd {
    let mut at_end = AtEnd::default();
    let words = section
        .field("at_end")
        .and_then(|field| field.texts(findings));
    for word in words.unwrap_or_default() {
        match one_of(word, "at_end", &ENDINGS, findings) {
            Some(Ending::ControlMaster) => at_end.control_master = true,
            Some(Ending::Sudo) => at_end.sudo = true,
            None => {}
        }
    }
    at_end
}

#[derive(Clone, Copy)]
enum Ending {
    ControlMaster,
    Sudo,
}

const ENDINGS: [(&str, Ending); 2] = [
    ("control-master", Ending::ControlMaster),
    ("sudo", Ending::Sudo),
];

/// A program that answers for the user, so nobody else may choose it.
fn program(
    section: &Section<'_>,
    name: &str,
    home: Option<&Path>,
    findings: &mut Findings,
) -> Option<PathBuf> {
    let text = section.text(name, findings)?;
    let path = text.place.document.resolve(text.text, home);
    if !owned(text.place, &format!("agent.{name} counts"), findings) {
        return None;
    }
    let (wrong, remedy) = if !path.is_file() {
        ("is not a file", "name a program with its whole path")
    } else if is_ours(&path) {
        // It asks the agent, which would ask it.
        ("cannot ask for pimento", "name another program")
    } else {
        return Some(path);
    };
    findings.wrong(
        text.place,
        format!("{name} {} {wrong}", path.display()),
        remedy,
    );
    None
}

/// Reads `[audit]`: the folder of the record.
pub(super) fn audit(entries: &Entries<'_>, paths: &Paths, findings: &mut Findings) -> PathBuf {
    let folder = entries.settings("audit").and_then(|section| {
        section.allow(&["folder"], findings);
        section.text("folder", findings)
    });
    let home = paths.home.as_deref();
    folder.map_or_else(
        || paths.audit(),
        |folder| folder.place.document.resolve(folder.text, home),
    )
}

/// Reads `[danger]`.
pub(super) fn danger(
    entries: &Entries<'_>,
    home: Option<&Path>,
    findings: &mut Findings,
) -> Danger {
    let Some(section) = entries.settings("danger") else {
        return Danger::default();
    };
    section.allow(&["ca_file", "resolve"], findings);
    for field in &section.fields {
        guard(*field, findings);
    }
    Danger {
        ca_file: ca_file(section, home, findings),
        resolve: resolve(section, findings),
    }
}

/// Somebody who can write these fields can read every token, so only the user may.
fn guard(field: Field<'_>, findings: &mut Findings) {
    if owned(field.place, "[danger] counts", findings) {
        findings.odd(
            field.place,
            format!("danger.{} is set", field.name),
            "whoever controls what it names can read your tokens and secrets; \
             use it for a proxy of your own or for tests only",
        );
    }
}

/// Whether `place` is in a file that only the user or the administrator can have written.
fn owned(place: Place<'_>, what: &str, findings: &mut Findings) -> bool {
    let document = place.document;
    let custody = document.custody;
    if document.fetched {
        let what = format!("{what} only in a file of your own, and this one was fetched");
        findings.wrong(
            place,
            what,
            "write it into your config.toml, if you want it",
        );
        return false;
    }
    if !custody.shared && (custody.by_user || custody.by_root) {
        return true;
    }
    let path = document.path.display();
    findings.wrong(
        place,
        format!("{what} only in a file that you own and nobody else can write to"),
        format!("`chown \"$(id -u)\" {path}` and `chmod 600 {path}`"),
    );
    false
}

fn ca_file(section: &Section<'_>, home: Option<&Path>, findings: &mut Findings) -> Option<PathBuf> {
    let file = section.text("ca_file", findings)?;
    let path = file.place.document.resolve(file.text, home);
    if !path.is_file() {
        findings.wrong(
            file.place,
            format!("ca_file {} is not a file", path.display()),
            "name a file with certificates in PEM form",
        );
    }
    Some(path)
}

fn resolve(section: &Section<'_>, findings: &mut Findings) -> Vec<(String, SocketAddr)> {
    let Some(field) = section.field("resolve") else {
        return Vec::new();
    };
    let Some(table) = field.section("danger.resolve".to_owned(), findings) else {
        return Vec::new();
    };
    let read = |field: &Field<'_>| {
        let host = field.name.to_ascii_lowercase();
        if host.contains('*') || !matches!(Host::parse(&host), Ok(Host::Domain(_))) {
            findings.wrong(
                field.place,
                format!("{host:?} is not the exact name of a host"),
                "write \"name.example\" = \"127.0.0.1:8443\", one line for each host",
            );
            return None;
        }
        let address = field.text(findings)?;
        let parsed = address.text.parse().ok();
        if parsed.is_none() {
            findings.wrong(
                address.place,
                format!("{:?} is not an address with a port", address.text),
                "write it as \"127.0.0.1:8443\" or \"[::1]:8443\"",
            );
        }
        Some((host, parsed?))
    };
    table.fields.iter().filter_map(read).collect()
}

/// The files that ssh(1) looks in.
#[must_use]
pub fn known_hosts(home: Option<&Path>) -> Vec<PathBuf> {
    let own = home.map(|home| home.join(".ssh/known_hosts"));
    let system = PathBuf::from("/etc/ssh/ssh_known_hosts");
    own.into_iter().chain([system]).collect()
}

/// sshd gives a login 120 s in all; an answer after that serves nobody.
const ANSWER: Limits = Limits::new(1, 115);
const APPROVAL: Limits = Limits::new(1, 24 * 3600);
/// A question that stands longer is asked of nobody.
const PROMPT: Limits = Limits::new(1, 600);
const PROPAGATION: Limits = Limits::new(1, 3600);
