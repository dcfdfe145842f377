//! What the demo plays on: a folder, a cloud, a host, an agent, and the programs that use them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::host::Host;
use super::props::{
    DEPLOY, Folder, NAME, Pins, USERS, VAULT, configuration, folder, installed, link, private_file,
    with_vault_keys,
};
use crate::emulator::{Emulator, Options, Scenario};
use crate::secret::private_key::PrivateKey;

/// Everything that runs during the demo.
pub(super) struct Stage {
    pub(super) emulator: Emulator,
    pub(super) host: Host,
    agent: Child,
    folder: Folder,
    program: PathBuf,
}

impl Stage {
    pub(super) async fn set() -> Result<Self, String> {
        for program in ["ssh", "ssh-add", "ssh-keygen"] {
            installed(program)?;
        }
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let folder = folder()?;
        let mut scenario = Scenario::example().map_err(|error| error.to_string())?;
        with_vault_keys(&mut scenario);
        let emulator = Emulator::start(scenario, Options::default()).await;
        let emulator = emulator.map_err(|error| error.to_string())?;
        let secret =
            |name: &str| emulator.change(|cloud| cloud.secret(VAULT, name).map(str::to_owned));
        let public = |name: &str| {
            let text = secret(name).ok_or_else(|| format!("the vault has no {name}"))?;
            let key = PrivateKey::parse(text.as_bytes()).map_err(|problem| problem.to_string())?;
            Ok::<_, String>(key.public().clone())
        };
        let (web, db) = (public("web-root-ssh")?, public("db-root-ssh")?);
        let kept = |name: &str| {
            let found = emulator.change(|cloud| cloud.public_key(VAULT, name));
            found.ok_or_else(|| format!("the vault has no key {name}"))
        };
        let (deploy, users) = (kept(DEPLOY)?, kept(USERS)?);
        let password = secret("db01-root").unwrap_or_default();
        let authorized = vec![web.clone(), deploy.clone()];
        let host = Host::start(authorized, users.clone(), password)
            .await
            .map_err(|error| error.to_string())?;
        let text = |key: &ssh_key::PublicKey| key.to_openssh().map_err(|error| error.to_string());
        let known = format!("{NAME} {}\n", text(&host.host_key)?);
        let pins = Pins {
            web: text(&web)?,
            db: text(&db)?,
            deploy: text(&deploy)?,
            users: text(&users)?,
        };
        let config = configuration(&emulator, &folder.0, &pins);
        for (name, content) in [
            ("known_hosts", known),
            ("ca.pem", emulator.ca_pem().to_owned()),
            ("web.pub", pins.web),
            ("deploy.pub", pins.deploy),
            ("config.toml", config),
        ] {
            private_file(&folder.0.join(name), &content)?;
        }
        let agent = start_agent(&program, &folder.0).await?;
        Ok(Self {
            emulator,
            host,
            agent,
            folder,
            program,
        })
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.0.join("config.toml")
    }

    /// Signs in by device code, as a person with a browser would.
    pub(super) async fn sign_in(&self) -> Result<String, String> {
        let mut login = self.pimento(&["login"]);
        let mut login = login
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let stderr = login.stderr.take().ok_or("pimento login has no output")?;
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
            if let Some((_, code)) = line.rsplit_once("enter the code ") {
                self.emulator
                    .change(|cloud| cloud.sign_in_device(code.trim(), USER));
            }
        }
        let output = login
            .wait_with_output()
            .await
            .map_err(|error| error.to_string())?;
        succeeded("pimento login", &output)?;
        Ok(USER.to_owned())
    }

    pub(super) async fn ssh_add_list(&self) -> Result<Vec<String>, String> {
        let mut list = Command::new("ssh-add");
        list.arg("-l").env("SSH_AUTH_SOCK", self.socket());
        let output = finished(&mut list).await?;
        succeeded("ssh-add -l", &output)?;
        Ok(lines(&output))
    }

    /// Logs in by the key of that name.
    pub(super) async fn ssh(&self, key: &str) -> Result<Vec<String>, String> {
        let output = finished(&mut self.ssh_command("publickey", key)).await?;
        succeeded("ssh", &output)?;
        Ok(lines(&output))
    }

    /// Opens what the certificate is for; tells what ssh-keygen shows of it.
    pub(super) async fn certificate(&self) -> Result<Vec<String>, String> {
        let output = finished(&mut self.pimento(&["open", "linux-root"])).await?;
        succeeded("pimento open", &output)?;
        let mut list = Command::new("ssh-add");
        list.arg("-L").env("SSH_AUTH_SOCK", self.socket());
        let listed = lines(&finished(&mut list).await?);
        let mut certificates = listed.iter().filter(|line| line.contains("-cert-v01@"));
        let certificate = certificates.next().ok_or("no certificate is listed")?;
        let file = self.folder.0.join("ops.pub");
        private_file(&file, &format!("{certificate}\n"))?;
        let mut show = Command::new("ssh-keygen");
        let output = finished(show.arg("-L").arg("-f").arg(&file)).await?;
        succeeded("ssh-keygen -L", &output)?;
        let shown = lines(&output);
        let wanted = |line: &&str| line.starts_with("Key ID:") || line.starts_with("Valid:");
        let shown = shown.iter().map(|line| line.trim()).filter(wanted);
        Ok(shown.map(str::to_owned).collect())
    }

    /// Logs in `count` times at once.
    pub(super) async fn ssh_at_once(&self, count: usize) -> Result<(), String> {
        let mut logins: Vec<Command> = (0..count)
            .map(|_| self.ssh_command("publickey", "web"))
            .collect();
        let outputs = futures_util::future::join_all(logins.iter_mut().map(finished)).await;
        outputs
            .into_iter()
            .try_for_each(|output| succeeded("ssh", &output?))
    }

    /// Logs in with a password that real `ssh` gets from the askpass helper.
    pub(super) async fn ssh_by_password(&self) -> Result<Vec<String>, String> {
        let helper = self.folder.0.join("pimento-askpass");
        link(&self.program, &helper)?;
        let mut ssh = self.ssh_command("password", "web");
        ssh.env("SSH_ASKPASS", helper)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("PIMENTO_RUNTIME_DIR", self.folder.0.join("run"));
        let output = finished(&mut ssh).await?;
        succeeded("ssh", &output)?;
        Ok(lines(&output))
    }

    pub(super) async fn is_open(&self) -> Result<bool, String> {
        let output = finished(&mut self.pimento(&["status", "--json"])).await?;
        succeeded("pimento status", &output)?;
        let status: Value =
            serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        Ok(status.pointer("/windows/0/state").and_then(Value::as_str) == Some("open"))
    }

    /// What the last window's end wiped, by the audit record.
    pub(super) fn wiped(&self) -> Result<Vec<String>, String> {
        let closed = self
            .audit()?
            .into_iter()
            .rfind(|event| event.get("event") == Some(&"closed".into()));
        let wiped = closed.and_then(|event| event.get("wiped")?.as_array().cloned());
        let names = wiped.unwrap_or_default();
        Ok(names
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect())
    }

    /// The audit record, a line an event, runs of the same event together.
    pub(super) fn audit_trail(&self) -> Result<Vec<String>, String> {
        let text = self.audit_text()?;
        let count = crate::audit::verify(text.as_bytes())
            .map_err(|damage| format!("the audit record is damaged: {damage}"))?
            .lines;
        let mut trail: Vec<(String, u32)> = Vec::new();
        for event in self.audit()? {
            let field = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
            let what = match field("credential") {
                "" => field("window"),
                credential => credential,
            };
            let detail = [field("end"), field("user"), field("host"), field("reason")];
            let detail: Vec<&str> = detail.into_iter().filter(|text| !text.is_empty()).collect();
            let line = format!("{:<10} {what}  {}", field("event"), detail.join(" "));
            match trail
                .iter_mut()
                .rev()
                .take(2)
                .find(|(same, _)| *same == line)
            {
                Some((_, times)) => *times += 1,
                None => trail.push((line, 1)),
            }
        }
        let shown = trail.into_iter().map(|(line, times)| match times {
            1 => line,
            times => format!("{line}  (×{times})"),
        });
        Ok(shown
            .chain([format!(
                "{count} records, every one chained to the one before it"
            )])
            .collect())
    }

    pub(super) fn lines_to_try(&self) -> String {
        let folder = self.folder.0.display();
        let pimento = self.program.display();
        let port = self.host.address.port();
        format!(
            "Everything is still running. In another terminal:\n\
             export SSH_AUTH_SOCK={folder}/run/agent.sock PIMENTO_RUNTIME_DIR={folder}/run\n\
             ssh-add -l\n\
             ssh -p {port} -o HostKeyAlias={NAME} -o UserKnownHostsFile={folder}/known_hosts root@127.0.0.1\n\
             {pimento} status --watch\n\
             {pimento} password host-root --reveal\n\
             {pimento} why\n\
             curl {}/counters\n\
             Ctrl-C here ends it.",
            self.emulator.admin_url()
        )
    }

    /// Ends the agent as a service manager would, and clears away.
    pub(super) async fn strike(mut self) -> Result<(), String> {
        #[cfg(unix)]
        if let Some(pid) = self
            .agent
            .id()
            .and_then(|pid| rustix::process::Pid::from_raw(pid.cast_signed()))
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                .map_err(|error| error.to_string())?;
            let ended = self.agent.wait().await.map_err(|error| error.to_string())?;
            return if ended.success() {
                Ok(())
            } else {
                Err(format!("the agent ended with {ended}"))
            };
        }
        self.agent.kill().await.map_err(|error| error.to_string())
    }

    fn audit(&self) -> Result<Vec<Value>, String> {
        let parse = |line: &str| serde_json::from_str(line).map_err(|error| error.to_string());
        self.audit_text()?.lines().map(parse).collect()
    }

    fn audit_text(&self) -> Result<String, String> {
        let file = self.folder.0.join("state/audit/audit.jsonl");
        fs::read_to_string(file).map_err(|error| error.to_string())
    }

    fn socket(&self) -> PathBuf {
        self.folder.0.join("run/agent.sock")
    }

    fn pimento(&self, verbs: &[&str]) -> Command {
        pimento(&self.program, &self.folder.0, verbs)
    }

    fn ssh_command(&self, method: &str, key: &str) -> Command {
        let mut ssh = Command::new("ssh");
        let file = |name: &str| self.folder.0.join(name).display().to_string();
        ssh.args([
            "-F",
            "/dev/null",
            "-p",
            &self.host.address.port().to_string(),
        ]);
        for option in [
            format!("HostKeyAlias={NAME}"),
            format!("UserKnownHostsFile={}", file("known_hosts")),
            format!("IdentityAgent={}", self.socket().display()),
            format!("IdentityFile={}", file(&format!("{key}.pub"))),
            format!("PreferredAuthentications={method}"),
            "IdentitiesOnly=yes".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "NumberOfPasswordPrompts=1".to_owned(),
            "LogLevel=ERROR".to_owned(),
        ] {
            ssh.arg("-o").arg(option);
        }
        ssh.args(["root@127.0.0.1", "id"])
            .stdin(Stdio::null())
            .env_remove("SSH_AUTH_SOCK");
        ssh
    }
}

/// Starts the agent, and waits for the line that says it listens.
async fn start_agent(program: &Path, folder: &Path) -> Result<Child, String> {
    let mut agent = pimento(program, folder, &["agent"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let stderr = agent.stderr.take().ok_or("the agent has no output")?;
    let mut lines = BufReader::new(stderr).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.map_err(|error| error.to_string())? {
        if line.contains("is listening") {
            // Nobody reading would block the agent once the pipe is full.
            let _drained =
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(agent);
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(format!("the agent did not start:\n{said}"))
}

fn pimento(program: &Path, folder: &Path, verbs: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(folder.join("config.toml"))
        .arg("--runtime-dir")
        .arg(folder.join("run"))
        .arg("--state-dir")
        .arg(folder.join("state"))
        .args(verbs);
    command
}

async fn finished(command: &mut Command) -> Result<Output, String> {
    command
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| error.to_string())
}

fn succeeded(what: &str, output: &Output) -> Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{what} failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

const USER: &str = "mia@contoso.onmicrosoft.com";
