//! The switch to a live tenant, with an emulator in the tenant's place: a process of its own, known by
//! nothing but the file that `PIMENTO_LIVE_TENANT` names.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::source;
use crate::subject::{Resource, client, live, redeem, sign_in};
use crate::wire::{CLIENT, TENANT, VAULT, group_id};

/// An emulator that runs as a program, and a folder with what describes it.
struct Tenant {
    program: Child,
    folder: tempfile::TempDir,
    admin: String,
}

impl Tenant {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contracts/world.toml");
        let ca = folder.path().join("ca.pem");
        let mut program = Command::new(env!("CARGO_BIN_EXE_pimento"))
            .args(["emulator", "--json", "--scenario"])
            .arg(world)
            .arg("--ca-out")
            .arg(&ca)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(program.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let resolve: BTreeMap<String, SocketAddr> =
            serde_json::from_value(said["resolve"].clone()).unwrap();
        let tenant = Self {
            program,
            folder,
            admin: said["admin"].as_str().unwrap().to_owned(),
        };
        let http = client(Some(&std::fs::read(&ca).unwrap()), &resolve);
        let refresh = sign_in(&http).await;
        for (name, resource) in RESOURCES {
            tenant.write(name, &redeem(&http, &refresh, resource).await);
        }
        tenant.describe("plain", &resolve);
        tenant
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// Writes the file: a token by each of the ways there are.
    fn describe(&self, secret: &str, resolve: &BTreeMap<String, SocketAddr>) {
        let path = |name: &str| self.folder.path().join(name);
        let mut text = format!(
            "id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\nvault = \"{VAULT}\"\nsecret = \"{secret}\"\n\
             group = \"{}\"\nca_file = {:?}\n\
             [tokens]\ngraph = {{ file = {:?} }}\nvault = {{ env = \"VAULT_TOKEN\" }}\n\
             arm = {{ command = [\"cat\", {:?}] }}\n[resolve]\n",
            group_id('1'),
            path("ca.pem"),
            path("graph"),
            path("arm"),
        );
        for (host, address) in resolve {
            text.push_str(&format!("\"{host}\" = \"{address}\"\n"));
        }
        self.write("tenant.toml", &text);
    }

    /// The conversations of `tenant.rs`, as somebody with a live tenant runs them.
    fn conversations(&self, variables: &[(&str, &str)]) -> Output {
        let token = std::fs::read_to_string(self.folder.path().join("vault")).unwrap();
        Command::new(std::env::current_exe().unwrap())
            .args(["tenant::", "--test-threads=4"])
            .env(
                "PIMENTO_LIVE_TENANT",
                self.folder.path().join("tenant.toml"),
            )
            .env_remove("PIMENTO_LIVE_CHANGES")
            .env("VAULT_TOKEN", token)
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    async fn count(&self, operation: &str) -> u64 {
        let counters = reqwest::get(format!("{}/counters", self.admin))
            .await
            .unwrap();
        let counters: Value = counters.json().await.unwrap();
        counters[operation].as_u64().unwrap_or_default()
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let _gone = self.program.kill();
        let _reaped = self.program.wait();
    }
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(out).into_owned() + &String::from_utf8_lossy(err)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_conversations_are_with_the_tenant_of_the_file_and_change_it_only_if_allowed() {
    // Here an emulator is in the live tenant's place; with a live one there is nothing to show.
    if source::folder().is_none() || live().is_some() {
        return;
    }
    let tenant = Tenant::start().await;
    let read = tenant.conversations(&[]);
    assert!(read.status.success(), "{}", text(&read));
    let skipped = text(&read);
    let skipped: Vec<&str> = skipped
        .lines()
        .filter(|it| it.contains("SKIPPED"))
        .collect();
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert!(skipped[0].contains("PIMENTO_LIVE_CHANGES"), "{skipped:?}");
    for operation in [
        "entra.discovery",
        "graph.roleManagementPolicyAssignments",
        "arm.roleEligibilityScheduleInstances",
        "vault.secret.versions",
    ] {
        assert!(tenant.count(operation).await > 0, "{operation}");
    }
    assert_eq!(tenant.count(CREATE).await, 0, "it was changed");
    let changed = tenant.conversations(&[("PIMENTO_LIVE_CHANGES", "1")]);
    assert!(changed.status.success(), "{}", text(&changed));
    assert!(!text(&changed).contains("SKIPPED"), "{}", text(&changed));
    assert_eq!(tenant.count(CREATE).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_not_as_described_fails_and_no_token_is_told() {
    if source::folder().is_none() || live().is_some() {
        return;
    }
    let tenant = Tenant::start().await;
    let file = tenant.folder.path().join("tenant.toml");
    let good = std::fs::read_to_string(&file).unwrap();
    let graph = std::fs::read_to_string(tenant.folder.path().join("graph")).unwrap();
    for (from, to) in [
        ("\"plain\"", "\"no-such-secret\""),
        ("[tokens]", "[token]"),
        (TENANT, "00000000-0000-0000-0000-000000000001"),
    ] {
        tenant.write("tenant.toml", &good.replacen(from, to, 1));
        let failed = tenant.conversations(&[]);
        assert!(!failed.status.success(), "{to}: {}", text(&failed));
        assert!(!text(&failed).contains(graph.trim()), "a token is told");
    }
}

const RESOURCES: [(&str, Resource); 3] = [
    ("arm", Resource::Arm),
    ("graph", Resource::Graph),
    ("vault", Resource::Vault),
];

const CREATE: &str = "graph.assignmentScheduleRequests.create";
