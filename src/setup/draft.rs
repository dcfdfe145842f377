//! What a configuration is going to say.

use std::fmt::Write;

use ssh_key::PublicKey;
use url::Url;

use crate::catalog::{AccessId, AzureCloud, Keep, SignInMethod, Target};
use crate::inert::inert;

/// A configuration before it is written.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Where one signs in.
    pub tenant: TenantDraft,
    /// What is to be opened.
    pub windows: Vec<WindowDraft>,
    /// What is behind that.
    pub vaults: Vec<VaultDraft>,
    /// What `ssh` gets.
    pub keys: Vec<KeyDraft>,
    /// What persons and programs get.
    pub passwords: Vec<PasswordDraft>,
}

/// A `[tenant.NAME]`.
#[derive(Clone, Debug, Default)]
pub struct TenantDraft {
    /// What the configuration calls it.
    pub name: String,
    /// Its id, or a domain of it.
    pub id: String,
    /// The application to sign in with.
    pub client_id: Option<String>,
    /// How to sign in.
    pub sign_in: Option<SignInMethod>,
    /// Which account.
    pub login_hint: Option<String>,
    /// Which of Microsoft's clouds it is in.
    pub cloud: AzureCloud,
    /// Where the sign-in is kept.
    pub keep: Keep,
}

/// A `[window.NAME]`.
#[derive(Clone, Debug)]
pub struct WindowDraft {
    /// What the configuration calls it.
    pub name: String,
    /// What Azure calls it.
    pub called: Option<String>,
    /// What is activated.
    pub target: Target,
    /// How long to ask for.
    pub duration: Option<String>,
    /// The justification.
    pub reason: Option<String>,
}

/// A `[vault.NAME]`.
#[derive(Clone, Debug)]
pub struct VaultDraft {
    /// What the configuration calls it.
    pub name: String,
    /// Its address.
    pub url: Url,
    /// What has to be open.
    pub window: String,
}

/// A `[key.NAME]`.
#[derive(Clone, Debug)]
pub struct KeyDraft {
    /// What the configuration calls it.
    pub name: String,
    /// The vault, as the configuration calls it.
    pub vault: String,
    /// The secret's name in there.
    pub secret: String,
    /// Its public half.
    pub public: PublicKey,
    /// The hosts it is for.
    pub hosts: Vec<String>,
}

/// A `[password.NAME]`.
#[derive(Clone, Debug)]
pub struct PasswordDraft {
    /// What the configuration calls it.
    pub name: String,
    /// The vault, as the configuration calls it.
    pub vault: String,
    /// The secret's name in there.
    pub secret: String,
    /// The account it is of.
    pub user: Option<String>,
    /// The hosts it is for.
    pub hosts: Vec<String>,
}

impl Draft {
    /// As it stands in the file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text =
            "# Made by `pimento init`; what else can be said here: docs/configuration.md\n"
                .to_owned();
        text.push_str(&self.tenant.text());
        for window in &self.windows {
            text.push_str(&window.text(&self.tenant.name));
        }
        for vault in &self.vaults {
            let mut section = Section::new("vault", &vault.name);
            section.field("url", vault.url.as_str().trim_end_matches('/'));
            section.field("window", &vault.window);
            text.push_str(&section.0);
        }
        text.extend(self.keys.iter().map(KeyDraft::text));
        text.extend(self.passwords.iter().map(PasswordDraft::text));
        text
    }

    /// Whether a key or password of that name is there already: they share their names.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let keys = self.keys.iter().map(|key| &key.name);
        let passwords = self.passwords.iter().map(|password| &password.name);
        keys.chain(passwords).any(|known| known == name)
    }
}

impl TenantDraft {
    fn text(&self) -> String {
        let mut section = Section::new("tenant", &self.name);
        section.field("id", &self.id);
        section.maybe("client_id", self.client_id.as_deref());
        section.maybe("sign_in", self.sign_in.map(SignInMethod::word));
        section.maybe("login_hint", self.login_hint.as_deref());
        if self.cloud != AzureCloud::default() {
            section.field("cloud", self.cloud.word());
        }
        if self.keep == Keep::Keystore {
            section.field("keep_sign_in", "keystore");
        }
        section.0
    }
}

impl WindowDraft {
    fn text(&self, tenant: &str) -> String {
        let mut section = Section::new("window", &self.name);
        if let Some(called) = &self.called {
            section.comment(called);
        }
        section.field("tenant", tenant);
        match &self.target {
            Target::Group { group, access } => {
                section.field("group", &group.to_string());
                if *access == AccessId::Owner {
                    section.field("access", "owner");
                }
            }
            Target::AzureRole { scope, role } => {
                section.field("scope", scope.as_str());
                section.field("role", &role.word());
            }
        }
        section.maybe("duration", self.duration.as_deref());
        section.maybe("reason", self.reason.as_deref());
        section.0
    }
}

impl KeyDraft {
    fn text(&self) -> String {
        let mut section = Section::new("key", &self.name);
        section.field("vault", &self.vault);
        section.field("secret", &self.secret);
        // A public key that was read can always be written.
        section.field("public_key", &self.public.to_openssh().unwrap_or_default());
        match self.hosts.as_slice() {
            [] => section.comment("for any host; better: hosts = [\"web*.contoso.com\"]"),
            hosts => section.list("hosts", hosts),
        }
        section.0
    }
}

impl PasswordDraft {
    fn text(&self) -> String {
        let mut section = Section::new("password", &self.name);
        section.field("vault", &self.vault);
        section.field("secret", &self.secret);
        section.maybe("user", self.user.as_deref());
        match self.hosts.as_slice() {
            // Without a host it would fit any that asks.
            [] => {
                section.list("uses", &["reveal".to_owned()]);
                section.comment("for sudo and ssh, name `user` and `hosts`, and take `uses` out");
            }
            hosts => section.list("hosts", hosts),
        }
        section.0
    }
}

/// A table of TOML.
struct Section(String);

impl Section {
    fn new(noun: &str, name: &str) -> Self {
        Self(format!("\n{}\n", heading(noun, name)))
    }

    fn field(&mut self, name: &str, value: &str) {
        self.line(&format!("{name} = {}", quoted(value)));
    }

    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    fn list(&mut self, name: &str, values: &[String]) {
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        self.line(&format!("{name} = [{}]", values.join(", ")));
    }

    fn comment(&mut self, text: &str) {
        self.line(&format!("# {}", inert(text, ' ')));
    }

    fn line(&mut self, line: &str) {
        // Writing to a `String` does not fail.
        if writeln!(self.0, "{line}").is_err() {}
    }
}

/// How a table begins. A dot in a name would otherwise begin another one.
#[must_use]
pub fn heading(noun: &str, name: &str) -> String {
    match name.contains('.') {
        true => format!("[{noun}.{}]", quoted(name)),
        false => format!("[{noun}.{name}]"),
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
