//! docs/custody.md: keys that stay in their vault, certificates, and what is written into a vault.

use std::fs;

use pimento::emulator::Scenario;
use pimento::emulator::scenario::{Grant, Key, Role};
use ssh_key::PublicKey;

use crate::reader::Reader;
use crate::support::etc::Etc;
use crate::support::sshd::{Sshd, user};
use crate::support::tls::serve;
use crate::support::{GROUP, public_key};
use crate::walk::Walk;

/// A tenant whose vault has what the page names.
fn scenario() -> Scenario {
    let mut scenario = Scenario::example().unwrap();
    let vault = &mut scenario.vaults[0];
    for name in ["deploy", "ssh-users", "ssh-hosts"] {
        let (generate, disabled) = ("ec-p256".to_owned(), false);
        let key = Key { generate, disabled };
        vault.keys.insert(name.to_owned(), key);
    }
    vault.certificates.entry("billing".to_owned()).or_default();
    vault.grants[0].role = Role::SecretsOfficer;
    vault.grants.push(Grant {
        group: Some(GROUP.to_owned()),
        user: None,
        role: Role::CryptoUser,
    });
    scenario
}

/// A block of the configuration with the public key that the vault has.
fn pinned(reader: &Reader, block: &str, name: &str) -> (String, PublicKey) {
    let public = reader
        .home
        .emulator
        .change(|it| it.public_key("kv-linux", name));
    let public = public.unwrap();
    let line = public.to_openssh().unwrap();
    (block.replace("ecdsa-sha2-nistp256 AAAA…", &line), public)
}

/// What the example has before its first key.
fn beginning(reader: &Reader) -> String {
    let example = reader.example();
    example.split_once("[key.").unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_kept_as_their_page_says() {
    let page = Walk::of("docs/custody");
    stays_in_its_vault(&page).await;
    is_certified_for_the_window(&page).await;
    hosts_are_certified(&page).await;
    curl_logs_in(&page).await;
    goes_into_a_vault(&page).await;
}

async fn stays_in_its_vault(page: &Walk) {
    let reader = Reader::unconfigured(scenario()).await;
    let (more, public) = pinned(&reader, &page.block("vault-key"), "deploy");
    reader.configures(&(beginning(&reader) + &more));
    // The Azure CLI writes the key in this form.
    reader.writes("deploy.pub", &public.to_openssh().unwrap(), 0o600);
    let az = "#!/bin/sh\n[ \"$1 $2 $3\" = \"keyvault key download\" ] && exec ssh-keygen -e -m PKCS8 -f deploy.pub > deploy.pem\n";
    reader.writes("bin/az", az, 0o755);
    let line = reader.ok(&page.block("vault-key-line")).out;
    assert_eq!(line.trim(), public.to_openssh().unwrap());
    let sshd = Sshd::start(&[public], "");
    reader.reaches(sshd.port, &sshd.host_key());
    let _agent = reader.agent();
    reader.ok(
        "export SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock; ssh root@web1.contoso.com true",
    );
    assert_eq!(reader.home.emulator.count("vault.key.sign"), 1);
}

async fn is_certified_for_the_window(page: &Walk) {
    let reader = Reader::unconfigured(scenario()).await;
    let (more, _) = pinned(&reader, &page.block("certified-key"), "ssh-users");
    let more = more.replace("\"root\"", &format!("{:?}", user()));
    reader.configures(&(beginning(&reader) + &more));
    reader.ok(&page.block("users-line"));
    let on_host = page.block("trust-on-host");
    let Some(etc) = Etc::new("root's", "") else {
        return;
    };
    let mut root = etc.root_command("bash");
    root.args(["-euo", "pipefail", "-c", &reader.own(&on_host)]);
    let done = root
        .current_dir(reader.home.folder.path())
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let sshd = Sshd::start_in(&etc, "Include /etc/ssh/sshd_config.d/pimento.conf");
    reader.reaches(sshd.port, &sshd.host_key());
    let _agent = reader.agent();
    let login = "export SSH_AUTH_SOCK=$XDG_RUNTIME_DIR/pimento/agent.sock\n\
                 pimento open linux-root; ssh root@web1.contoso.com true";
    reader.ok(login);
    assert_eq!(reader.recorded("certifying"), 1);
}

async fn hosts_are_certified(page: &Walk) {
    let reader = Reader::unconfigured(scenario()).await;
    let (more, _) = pinned(&reader, &page.block("host-authority"), "ssh-hosts");
    reader.writes("yes", "#!/bin/sh\necho yes\n", 0o755);
    let cloud = reader
        .cloud
        .replace("[agent]\n", "[agent]\naskpass = \"~/yes\"\n");
    reader.writes(".config/pimento/config.d/cloud.toml", &cloud, 0o600);
    reader.configures(&(reader.example() + &more));
    let _agent = reader.starts("env SSH_ASKPASS_REQUIRE=force pimento agent");
    reader
        .ok("pimento login; mkdir ssh; ssh-keygen -q -t ed25519 -N '' -f ssh/ssh_host_ed25519_key");
    // The host's files are here.
    let block = page.block("sign-host").replace("/etc/ssh/", "ssh/");
    let block = block
        .replace("ssh root@web1.contoso.com cat", "cat")
        .replace("sudo tee", "tee");
    reader.ok(&format!(
        "{block}mv web1-cert.pub ssh/ssh_host_ed25519_key-cert.pub"
    ));
    let key = reader.home.path("ssh/ssh_host_ed25519_key");
    let certificate = reader.home.path("ssh/ssh_host_ed25519_key-cert.pub");
    let nobody = reader.home.path("ssh/ssh_host_ed25519_key.pub");
    let sshd = Sshd::with_host_key(&key, &certificate, nobody);
    reader.reaches(sshd.port, &sshd.host_key());
    let known = "-o UserKnownHostsFile=ssh/ssh_known_hosts -o GlobalKnownHostsFile=none";
    let told = reader
        .run(&format!("ssh -v {known} root@web1.contoso.com true"))
        .err;
    assert!(
        told.contains("is known and matches the ED25519-CERT host certificate"),
        "{told}"
    );
}

async fn curl_logs_in(page: &Walk) {
    let reader = Reader::unconfigured(scenario()).await;
    reader.configures(&(reader.example() + &page.block("client-certificate")));
    let trusted = reader.home.emulator.change(|it| it.client_authority());
    reader.writes("trusted.pem", &trusted, 0o600);
    reader.ok("openssl req -x509 -nodes -days 30 -subj /CN=billing -newkey rsa:2048 \
               -addext subjectAltName=DNS:billing.contoso.com -out server.crt -keyout server.key 2> /dev/null");
    let (mut server, port) = serve(reader.home.folder.path());
    let there = format!(
        "silent\nshow-error\ncacert = \"server.crt\"\nconnect-to = \"billing.contoso.com:443:127.0.0.1:{}\"\n",
        port
    );
    reader.writes(".curlrc", &there, 0o600);
    let _agent = reader.agent();
    let ran = reader.run(&page.block("curl"));
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.out.matches("Subject: CN=billing").count(), 2, "{ran:?}");
}

async fn goes_into_a_vault(page: &Walk) {
    let reader = Reader::unconfigured(scenario()).await;
    reader.ok("ssh-keygen -q -t ed25519 -N '' -f web-root\n\
               ssh-keygen -q -t ed25519 -N '' -f ops\nputtygen ops -O private -o ca.ppk\necho new-one > db01.txt");
    let web = fs::read_to_string(reader.home.path("web-root.pub")).unwrap();
    let web = web.rsplit_once(' ').unwrap().0.to_owned();
    let old = public_key(&reader.home.emulator, "web-root-ssh")
        .to_openssh()
        .unwrap();
    reader.configures(&reader.example().replace(&old, &web));
    let cloud = &reader.home.emulator;
    cloud.change(|it| it.remove_secret("kv-linux", "web-root-ssh"));
    let _agent = reader.agent();
    reader.ok(&page.block("import"));
    assert_eq!(public_key(cloud, "web-root-ssh").to_openssh().unwrap(), web);
    assert_eq!(
        cloud.change(|it| it.secret("kv-linux", "db01-root").unwrap().to_owned()),
        "new-one"
    );
    assert!(cloud.change(|it| it.secret("kv-linux", "ops-ca").is_some()));
}
