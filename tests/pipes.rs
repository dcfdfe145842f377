//! The program on Windows: an agent on its pipes, asked by the real client of each.
//!
//! Under Wine this shows that the program works and what it asks of the system: Wine keeps the access
//! list of a pipe and lets anybody in, and lets a second program make a pipe that is there.
#![cfg(windows)]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use pimento::emulator::{Emulator, Options, Scenario};
use pimento::secret::private_key::PrivateKey;
use ssh_key::PublicKey;
use windows_permissions::constants::{SeObjectType, SecurityInformation};
use windows_permissions::wrappers::{
    ConvertSecurityDescriptorToStringSecurityDescriptor, GetSecurityInfo,
};

const CLIENT: &str = "7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22";
const GROUP: &str = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b";
const USER: &str = "mia@contoso.onmicrosoft.com";
const OPENSSH_PIPE: &str = r"\\.\pipe\openssh-ssh-agent";

/// A home for agents, and the cloud they are configured for.
struct Home {
    folder: tempfile::TempDir,
    emulator: Emulator,
    key: PublicKey,
}

impl Home {
    async fn new(agent: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let scenario = Scenario::example().unwrap();
        let emulator = Emulator::start(scenario, Options::default()).await.unwrap();
        let secret =
            emulator.change(|cloud| cloud.secret("kv-linux", "web-root-ssh").unwrap().to_owned());
        let key =
            PrivateKey::parse(secret.as_bytes()).unwrap_or_else(|problem| panic!("{problem}"));
        let key = key.public().clone();
        let text = configuration(agent, &emulator, folder.path(), &key);
        fs::write(folder.path().join("config.toml"), text).unwrap();
        Self {
            folder,
            emulator,
            key,
        }
    }

    fn pimento(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pimento"));
        command
            .args(args)
            .env("PIMENTO_CONFIG", self.folder.path().join("config.toml"))
            .env("PIMENTO_RUNTIME_DIR", self.folder.path().join("run"))
            .env("PIMENTO_STATE_DIR", self.folder.path().join("state"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.pimento(args).output().unwrap()
    }

    /// Starts the agent, and waits until it says where it listens.
    fn agent(&self) -> Running {
        let mut child = self
            .pimento(&["agent"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some((_, pipe)) = line.split_once(r"\\.\pipe\") {
                let pipe = format!(r"\\.\pipe\{}", pipe.trim_matches('\'').trim());
                std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
                return Running(child, pipe.into());
            }
            said.push(line);
        }
        panic!("the agent ended: {said:?}");
    }

    /// Signs in through the command line, typing the code as a person would.
    fn sign_in(&self) {
        let mut login = self
            .pimento(&["login"])
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(login.stderr.take().unwrap()).lines();
        for line in lines.map_while(Result::ok) {
            if let Some((_, code)) = line.rsplit_once("enter the code ") {
                let sign_in = |cloud: &mut _| sign_in_device(cloud, code.trim());
                assert!(self.emulator.change(sign_in));
            }
        }
        assert!(login.wait().unwrap().success());
    }
}

fn sign_in_device(cloud: &mut pimento::emulator::World, code: &str) -> bool {
    cloud.sign_in_device(code, USER)
}

/// A running agent, and its pipe.
struct Running(Child, PathBuf);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn configuration(agent: &str, emulator: &Emulator, folder: &Path, key: &PublicKey) -> String {
    let ca_file = folder.join("ca.pem");
    fs::write(&ca_file, emulator.ca_pem()).unwrap();
    let mut text = format!(
        "[agent]\n{agent}\n\
         [tenant.contoso]\nid = \"contoso.onmicrosoft.com\"\nclient_id = \"{CLIENT}\"\n\
         sign_in = \"device-code\"\n\
         [window.linux-root]\ntenant = \"contoso\"\ngroup = \"{GROUP}\"\nduration = \"1h\"\n\
         reason = \"{{program}}\"\n\
         [vault.linux]\nurl = \"https://kv-linux.vault.azure.net\"\nwindow = \"linux-root\"\n\
         [password.db01-root]\nvault = \"linux\"\nsecret = \"db01-root\"\n\
         [key.web]\nvault = \"linux\"\nsecret = \"web-root-ssh\"\nuses = [\"file-signature\"]\n\
         public_key = \"{}\"\n[danger]\nca_file = '{}'\n[danger.resolve]\n",
        key.to_openssh().unwrap(),
        ca_file.display(),
    );
    for (host, address) in emulator.resolve() {
        text.push_str(&format!("\"{host}\" = \"{address}\"\n"));
    }
    text
}

/// Asks an agent as OpenSSH and PuTTY do: by a plain file that both read and write.
fn ask(pipe: &Path, message: &[u8]) -> Vec<u8> {
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(pipe)
        .unwrap();
    file.write_all(&string(message)).unwrap();
    let mut length = [0; 4];
    file.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length).try_into().unwrap()];
    file.read_exact(&mut answer).unwrap();
    answer
}

fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

/// Takes a string off the front.
fn taken<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (length, tail) = rest.split_at(4);
    let length = u32::from_be_bytes(length.try_into().unwrap());
    let (taken, tail) = tail.split_at(length.try_into().unwrap());
    *rest = tail;
    taken
}

/// The keys that an agent lists.
fn listed(pipe: &Path) -> Vec<Vec<u8>> {
    let answer = ask(pipe, &[11]);
    assert_eq!(answer[0], 12, "{answer:?}");
    let count = u32::from_be_bytes(answer[1..5].try_into().unwrap());
    let mut rest = &answer[5..];
    let key = |_| {
        let blob = taken(&mut rest).to_vec();
        taken(&mut rest);
        blob
    };
    (0..count).map(key).collect()
}

/// What `ssh-keygen -Y sign` has signed.
fn to_sign() -> Vec<u8> {
    let parts = [b"file".as_slice(), b"", b"sha512", &[7; 64]];
    let mut data = b"SSHSIG".to_vec();
    data.extend(parts.iter().flat_map(|part| string(part)));
    data
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_listed_and_signs_and_a_password_is_shown() {
    let home = Home::new("").await;
    let agent = home.agent();
    let blob = home.key.to_bytes().unwrap();
    assert_eq!(listed(&agent.1), [blob.clone()]);
    home.sign_in();

    let data = to_sign();
    let request = [&[13], string(&blob).as_slice(), &string(&data), &[0; 4]].concat();
    let answer = ask(&agent.1, &request);
    assert_eq!(answer[0], 14, "{}", text(&home.run(&["why"]).stdout));
    let mut rest = &answer[1..];
    let mut signature = taken(&mut rest);
    assert_eq!(taken(&mut signature), b"ssh-ed25519");
    let key = home.key.key_data().ed25519().unwrap();
    UnparsedPublicKey::new(&ED25519, key.as_ref())
        .verify(&data, taken(&mut signature))
        .unwrap();

    let revealed = home.run(&["password", "db01-root"]);
    let secret = home
        .emulator
        .change(|cloud| cloud.secret("kv-linux", "db01-root").unwrap().to_owned());
    assert_eq!(text(&revealed.stdout).trim_end(), secret, "{revealed:?}");
    // Who asked is on record: this test, by its name.
    let audit = fs::read_to_string(home.folder.path().join("state/audit/audit.jsonl")).unwrap();
    assert!(audit.contains("pipes-"), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_has_an_access_list_with_its_user_and_nobody_else() {
    let home = Home::new("").await;
    let agent = home.agent();
    let control = agent.1.to_string_lossy().replace("-agent", "-control");
    for pipe in [agent.1.clone(), control.into()] {
        let file = fs::File::open(&pipe).unwrap();
        let wanted = SecurityInformation::Owner | SecurityInformation::Dacl;
        let found = GetSecurityInfo(&file, SeObjectType::SE_KERNEL_OBJECT, wanted).unwrap();
        let found = ConvertSecurityDescriptorToStringSecurityDescriptor(&found, wanted).unwrap();
        let found = found.into_string().unwrap();
        let user = pipe.to_string_lossy();
        let user = user.split("pimento-").nth(1).unwrap();
        let user = user.rsplitn(3, '-').last().unwrap();
        assert!(user.starts_with("S-1-5-21-"), "{user}");
        let list = format!("O:{user}D:P(D;;FA;;;NU)(A;;FA;;;{user})");
        assert_eq!(found, list);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agent_is_refused_and_the_first_one_unharmed() {
    let home = Home::new("").await;
    let agent = home.agent();
    let second = home.run(&["agent"]);
    assert_eq!(second.status.code(), Some(1));
    let said = text(&second.stderr);
    assert!(
        said.contains("another agent is already listening"),
        "{said}"
    );
    assert_eq!(listed(&agent.1).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_of_two_folders_do_not_meet() {
    let (one, other) = (Home::new("").await, Home::new("").await);
    let (first, second) = (one.agent(), other.agent());
    assert_ne!(first.1, second.1);
    assert_eq!(listed(&first.1).len(), 1);
    assert_eq!(listed(&second.1).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pipe_of_windows_own_agent_is_taken_by_choice_and_from_nobody() {
    let home = Home::new("openssh_pipe = true").await;
    let own = tokio::net::windows::named_pipe::ServerOptions::new()
        .create(OPENSSH_PIPE)
        .unwrap();
    let refused = home.run(&["agent"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = text(&refused.stderr);
    assert!(said.contains("Stop-Service ssh-agent"), "{said}");
    drop(own);
    let agent = home.agent();
    assert_eq!(listed(Path::new(OPENSSH_PIPE)), listed(&agent.1));
    let usual = Home::new("").await;
    let _beside = usual.agent();
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_is_told_of_the_pipe_in_words_that_it_takes() {
    let home = Home::new("").await;
    let agent = home.agent();
    let config = home.folder.path().join("config.toml");
    let text_of_config = fs::read_to_string(&config).unwrap();
    let for_logins =
        text_of_config.replace("uses = [\"file-signature\"]", "hosts = [\"host.test\"]");
    fs::write(&config, for_logins).unwrap();
    let printed = text(&home.run(&["ssh-config"]).stdout);
    // A backslash would be taken for an escape.
    let pipe = agent.1.to_string_lossy().replace('\\', "/");
    assert!(printed.contains(&format!("\"{pipe}\"")), "{printed}");
    // The command that ssh runs before it connects finds the same agent by them.
    let folder = printed.split("--runtime-dir '").nth(1).unwrap();
    let folder = folder.split('\'').next().unwrap();
    let status = home
        .pimento(&["--runtime-dir", folder, "status"])
        .output()
        .unwrap();
    assert!(status.status.success(), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_where_anybody_may_write_names_no_authority() {
    let folder = tempfile::tempdir_in(r"C:\").unwrap();
    let home = Home::new("").await;
    let moved = folder.path().join("config.toml");
    fs::copy(home.folder.path().join("config.toml"), &moved).unwrap();
    let mut agent = home.pimento(&["agent"]);
    let refused = agent.env("PIMENTO_CONFIG", &moved).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.contains("[danger] counts only in a file"), "{said}");
}
