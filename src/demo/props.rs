//! What the demo's stage is built of: a private folder, its files, and the agent's configuration.

use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::WINDOW;
use crate::emulator::scenario::{Grant, Key, Role};
use crate::emulator::{Emulator, Scenario};

/// A private folder that is gone afterwards.
pub(super) struct Folder(pub(super) PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "the demo's folder was left behind");
        }
    }
}

pub(super) fn installed(program: &str) -> Result<(), String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| {
        let file = folder.join(program);
        file.is_file() || file.with_extension("exe").is_file()
    });
    let advice = "install OpenSSH's client: `apt-get install openssh-client` (Debian, Ubuntu), \
                  `dnf install openssh-clients` (Fedora)";
    if found {
        Ok(())
    } else {
        Err(format!("the demo needs {program}; {advice}"))
    }
}

pub(super) fn folder() -> Result<Folder, String> {
    let path = std::env::temp_dir().join(format!("pimento-demo-{}", Uuid::new_v4().simple()));
    let mut builder = fs::DirBuilder::new();
    builder.recursive(false);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(&path)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Folder(path))
}

pub(super) fn private_file(path: &Path, content: &str) -> Result<(), String> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()));
    written.map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(unix)]
pub(super) fn link(program: &Path, helper: &Path) -> Result<(), String> {
    std::os::unix::fs::symlink(program, helper).map_err(|error| error.to_string())
}

#[cfg(not(unix))]
pub(super) fn link(program: &Path, helper: &Path) -> Result<(), String> {
    fs::copy(program, helper.with_extension("exe"))
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// Gives the world two keys that stay in the vault, one of them an authority, and its group the right
/// to sign with them.
pub(super) fn with_vault_keys(scenario: &mut Scenario) {
    let Some(vault) = scenario.vaults.iter_mut().find(|it| it.name == VAULT) else {
        return;
    };
    for name in [DEPLOY, USERS] {
        let (generate, disabled) = ("ec-p256".to_owned(), false);
        vault
            .keys
            .insert(name.to_owned(), Key { generate, disabled });
    }
    vault.grants.push(Grant {
        group: Some(GROUP.to_owned()),
        user: None,
        role: Role::CryptoUser,
    });
}

/// The public keys of the configuration.
pub(super) struct Pins {
    pub(super) web: String,
    pub(super) db: String,
    pub(super) deploy: String,
    pub(super) users: String,
}

pub(super) fn configuration(emulator: &Emulator, folder: &Path, pins: &Pins) -> String {
    let Pins {
        web,
        db,
        deploy,
        users,
    } = pins;
    let known = folder.join("known_hosts").display().to_string();
    let ca_file = folder.join("ca.pem").display().to_string();
    let mut text = format!(
        r#"[agent]
known_hosts = ['{known}']

[tenant.contoso]
id = "contoso.onmicrosoft.com"
client_id = "{CLIENT}"
sign_in = "device-code"

[window.linux-root]
tenant = "contoso"
group = "{GROUP}"
duration = "{WINDOW}s"
reason = "{{program}} to {{user}}@{{host}}"

[vault.linux]
url = "https://{VAULT}.vault.azure.net"
window = "linux-root"

[key.web]
vault = "linux"
secret = "web-root-ssh"
public_key = "{web}"
hosts = ["{NAME}"]

[key.db]
vault = "linux"
secret = "db-root-ssh"
public_key = "{db}"
hosts = ["db*.contoso.com"]

[key.deploy]
vault = "linux"
key = "{DEPLOY}"
public_key = "{deploy}"
hosts = ["{NAME}"]

[ca.users]
vault = "linux"
key = "{USERS}"
public_key = "{users}"

[key.ops]
certificate = {{ ca = "users", principals = ["root"] }}
hosts = ["{NAME}"]

[password.host-root]
vault = "linux"
secret = "db01-root"
user = "root"
hosts = ["{NAME}"]

[danger]
ca_file = '{ca_file}'
[danger.resolve]
"#
    );
    for (host, address) in emulator.resolve() {
        text.push_str(&format!("\"{host}\" = \"{address}\"\n"));
    }
    text
}

pub(super) const NAME: &str = "demo.pimento.test";
const CLIENT: &str = "7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22";
const GROUP: &str = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b";
/// The key that stays in the vault.
pub(super) const DEPLOY: &str = "deploy";
/// The authority, which stays there too.
pub(super) const USERS: &str = "ssh-users";
pub(super) const VAULT: &str = "kv-linux";
