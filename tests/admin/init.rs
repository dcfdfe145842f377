//! From a tenant's name to a configuration that works, and what keeps it from being made.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use pimento::emulator::Scenario;
use pimento::emulator::scenario::{Fault, vault_path};
use serde_json::Value;

use crate::support::home::{Home, text};
use crate::support::terminal::Terminal;
use crate::support::{CLIENT, GROUP, USER, eligible_for};

const TENANT: &str = "contoso.onmicrosoft.com";
const APPLIANCES: &str = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6c";

/// A home where nothing is configured but how to reach the cloud of the test.
async fn home_in(scenario: Scenario) -> Home {
    let home = Home::in_scenario(scenario).await;
    let configured = fs::read_to_string(home.path("config.toml")).unwrap();
    let (agent, rest) = configured.split_once("[tenant.").unwrap();
    let (_, danger) = rest.split_once("[danger]").unwrap();
    fs::create_dir(home.path("config.d")).unwrap();
    let file = home.path("config.d/cloud.toml");
    fs::write(&file, format!("{agent}[danger]{danger}")).unwrap();
    fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
    fs::remove_file(home.path("config.toml")).unwrap();
    home
}

async fn home() -> Home {
    home_in(Scenario::example().unwrap()).await
}

/// Runs `pimento init` for `TENANT` with the application of the test, typing the code as a person
/// would.
fn init(home: &Home, args: &[&str]) -> Output {
    let mut command = home.pimento(&["init", TENANT, "--client-id", CLIENT]);
    command.args(["--sign-in", "device-code"]).args(args);
    signed_in(home, command)
}

fn signed_in(home: &Home, mut command: Command) -> Output {
    let mut init = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let lines = BufReader::new(init.stderr.take().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        type_code(home, &line);
        said.push_str(&line);
        said.push('\n');
    }
    let mut stdout = Vec::new();
    init.stdout
        .take()
        .unwrap()
        .read_to_end(&mut stdout)
        .unwrap();
    Output {
        status: init.wait().unwrap(),
        stdout,
        stderr: said.into_bytes(),
    }
}

fn type_code(home: &Home, line: &str) {
    if let Some((_, code)) = line.rsplit_once("enter the code ") {
        let typed = home
            .emulator
            .change(|cloud| cloud.sign_in_device(code.trim(), USER));
        assert!(typed);
    }
}

fn config(home: &Home) -> String {
    fs::read_to_string(home.path("config.toml")).unwrap()
}

fn is_unconfigured(home: &Home) -> bool {
    !home.path("config.toml").exists()
}

/// How many activations were ever requested.
fn activations(home: &Home) -> usize {
    let scopes = [GROUP, APPLIANCES, &vault_path("kv-linux")];
    let of = |scope: &str| home.emulator.change(|cloud| cloud.requests_of(scope));
    scopes.into_iter().map(of).sum()
}

/// A role on the vault, and nothing that a group opens.
fn with_role(scope: &str) -> Scenario {
    let mut scenario = Scenario::example().unwrap();
    scenario.eligibilities.clear();
    scenario.vaults.first_mut().unwrap().grants.clear();
    scenario.azure_roles = vec![eligible_for(scope)];
    scenario
}

#[tokio::test(flavor = "multi_thread")]
async fn az_login_and_one_command_lead_to_a_login_by_ssh() {
    let home = home_in(with_role(&vault_path("kv-linux"))).await;
    home.add_azure_cli();
    let path = home.path_with_azure_cli();
    let mut command = home.pimento(&["init", TENANT, "--all", "--json"]);
    let made = command.env("PATH", &path).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let told: Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(
        told["keys"],
        serde_json::json!(["db-root-ssh", "legacy-root-ssh", "web-root-ssh"])
    );
    assert_eq!(told["passwords"], serde_json::json!(["db01-root"]));
    let _agent = home.agent_with(&[("PATH", &path)]);
    assert_eq!(text(&home.ssh_add().stdout).lines().count(), 3);
    let login = home.ssh("web");
    assert!(login.status.success(), "{}", text(&login.stderr));
    assert_eq!(
        activations(&home),
        1,
        "the agent takes over what init has opened"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_on_one_secret_leads_to_that_secret_without_a_list() {
    let scope = format!("{}/secrets/web-root-ssh", vault_path("kv-linux"));
    let home = home_in(with_role(&scope)).await;
    home.add_azure_cli();
    let mut command = home.pimento(&["init", TENANT]);
    command.env("PATH", home.path_with_azure_cli());
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    // The agent asks `az` itself.
    assert!(!text(&made.stdout).contains("pimento login"), "{made:?}");
    let config = config(&home);
    assert_eq!(config.matches("[key.").count(), 1, "{config}");
    let lists = home.emulator.calls();
    assert!(
        !lists.iter().any(|call| call == "vault.secrets.list"),
        "{lists:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_at_the_terminal_is_asked_for_what_is_not_said() {
    let mut scenario = Scenario::example().unwrap();
    let secrets = &mut scenario.vaults.first_mut().unwrap().secrets;
    let secret = secrets.get_mut("web-root-ssh").unwrap();
    secret.content_type = Some("application/x-pem-file".to_owned());
    secret
        .tags
        .insert("hosts".to_owned(), "host.test, !no.test".to_owned());
    let home = home_in(scenario).await;
    let args = ["init", "--client-id", CLIENT, "--sign-in", "device-code"];
    let mut terminal = Terminal::run(&home.pimento(&args));
    terminal.shows("Your tenant");
    terminal.types("contoso.onmicrosoft.com\n");
    terminal.shows("enter the code ");
    let code = terminal.shows("\n");
    type_code(&home, &format!("enter the code {}", code.trim()));
    let windows = terminal.shows("Which windows?");
    assert!(windows.contains("1  PIM Linux root"), "{windows}");
    terminal.shows("[all] ");
    terminal.types("7\n");
    terminal.shows("from 1 to 2, please: ");
    terminal.types("1\n");
    terminal.shows("Vault that PIM Linux root");
    terminal.shows("address): ");
    terminal.types("kv-linux\n");
    let secrets = terminal.shows("Which secrets of vault kv-linux?");
    assert!(
        secrets.contains("web-root-ssh  (application/x-pem-file)"),
        "{secrets}"
    );
    terminal.shows("[all] ");
    terminal.types("2 4\n");
    let (well, shown) = terminal.ends();
    assert!(well, "{shown}");
    assert!(shown.contains("1 window, 1 key, 1 password"), "{shown}");
    assert!(shown.contains("export SSH_AUTH_SOCK="), "{shown}");
    assert!(
        shown.contains("Match host \"host.test,!no.test\""),
        "{shown}"
    );
    let config = config(&home);
    assert!(
        config.contains("[window.pim-linux-root]\n# PIM Linux root\n"),
        "{config}"
    );
    assert!(
        config.contains("hosts = [\"host.test\", \"!no.test\"]"),
        "{config}"
    );
    // A password of no host that is known goes to none by itself.
    assert!(config.contains("uses = [\"reveal\"]"), "{config}");
    let file = home.path("config.toml");
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_choice_can_be_an_option_and_each_secret_read_is_on_record() {
    let home = home().await;
    let named = ["--window", "PIM Linux root", "--vault", "kv-linux"];
    let secrets = ["--secret", "web-root-ssh", "--secret", "db01-root"];
    let made = init(
        &home,
        &[&named[..], &secrets, &["--duration", "30m"]].concat(),
    );
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(config(&home).contains("duration = \"30m\""));
    let record = fs::read_to_string(home.path("state/audit/audit.jsonl")).unwrap();
    let events: Vec<Value> = record
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let looked: Vec<&str> = events
        .iter()
        .filter(|event| event["event"] == "inspecting")
        .map(|event| event["secret"].as_str().unwrap())
        .collect();
    assert_eq!(
        looked,
        ["db01-root", "web-root-ssh"],
        "and no other was read"
    );
    let password = home
        .emulator
        .change(|cloud| cloud.secret("kv-linux", "db01-root").unwrap().to_owned());
    let said = [
        made.stdout,
        made.stderr,
        record.into_bytes(),
        config(&home).into_bytes(),
    ]
    .concat();
    assert!(!text(&said).contains(&password));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_at_the_end_leads_to_an_agent_that_is_signed_in() {
    let home = home().await;
    let args = ["--window", "PIM Linux root", "--vault", "kv-linux", "--all"];
    let made = text(&init(&home, &args).stdout);
    let login = made.lines().find(|it| it.starts_with("pimento login"));
    let login: Vec<&str> = login.unwrap().split(' ').skip(1).collect();
    let _agent = home.agent();
    let refused = home.ssh("web");
    assert!(!refused.status.success(), "init signs in, not the agent");
    let signed = signed_in(&home, home.pimento(&login));
    assert!(signed.status.success(), "{}", text(&signed.stderr));
    assert!(home.ssh("web").status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_left_out_with_the_reason() {
    let mut scenario = Scenario::example().unwrap();
    let secrets = &mut scenario.vaults.first_mut().unwrap().secrets;
    secrets.get_mut("legacy-root-ssh").unwrap().disabled = true;
    let home = home_in(scenario).await;
    let cut = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA";
    home.emulator
        .change(|cloud| cloud.put_secret("kv-linux", "db-root-ssh", cut));
    let made = init(
        &home,
        &["--window", "PIM Linux root", "--vault", "kv-linux", "--all"],
    );
    let said = text(&made.stderr);
    assert!(made.status.success(), "{said}");
    assert!(
        said.contains("left out legacy-root-ssh: it is disabled"),
        "{said}"
    );
    assert!(
        said.contains("left out db-root-ssh: it is damaged"),
        "{said}"
    );
    assert_eq!(config(&home).matches("[key.").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_there_is_left_as_it_is() {
    let home = home().await;
    home.write_config("# mine\n");
    let refused = home.run(&["init", TENANT]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(
        said.contains("exists already") && said.contains("pimento init --print"),
        "{said}"
    );
    assert_eq!(config(&home), "# mine\n");
    assert_eq!(home.emulator.calls(), Vec::<String>::new());
    let named = [
        "--print",
        "--window",
        "PIM Linux root",
        "--vault",
        "kv-linux",
        "--all",
    ];
    let printed = init(&home, &named);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    assert!(text(&printed.stdout).contains("[key.web-root-ssh]"));
    assert_eq!(config(&home), "# mine\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_sits_what_is_missing_is_told_and_nothing_is_activated() {
    let home = home().await;
    let refused = init(&home, &[]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said.contains("PIM Linux root") && said.contains("--window TARGET"),
        "{said}"
    );
    let refused = init(&home, &["--window", "PIM Linux root"]);
    let said = text(&refused.stderr);
    assert!(said.contains("--vault pim-linux-root=VAULT"), "{said}");
    let refused = init(&home, &["--window", "PIM Linux rot"]);
    assert_eq!(refused.status.code(), Some(4));
    let refused = home.run(&["init"]);
    assert!(text(&refused.stderr).contains("pimento init TENANT"));
    let refused = init(
        &home,
        &[
            "--window",
            "PIM Linux root",
            "--vault",
            "https://vault.example.com",
        ],
    );
    assert!(text(&refused.stderr).contains("none of Microsoft's"));
    assert_eq!(activations(&home), 0);
    let refused = init(
        &home,
        &[
            "--window",
            "PIM Linux root",
            "--vault",
            "kv-linux",
            "--secret",
            "no",
        ],
    );
    assert_eq!(refused.status.code(), Some(4));
    assert!(text(&refused.stderr).contains("\"no\""));
    assert!(is_unconfigured(&home));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_a_name_is_offered_by_its_id() {
    let home = home().await;
    home.emulator.change(|cloud| {
        cloud.fault(Fault {
            operation: "graph.eligibilityScheduleInstances.filterByCurrentUser".to_owned(),
            times: Some(1),
            status: Some(400),
            ..Fault::default()
        });
    });
    let args = ["--window", GROUP, "--vault", "kv-linux", "--secret"];
    let made = init(&home, &[&args[..], &["web-root-ssh"]].concat());
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(config(&home).contains("[window.group-8f3c2d10]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_eligible_for_nothing_is_told_who_can_change_that() {
    let mut scenario = Scenario::example().unwrap();
    scenario.eligibilities.clear();
    let home = home_in(scenario).await;
    let refused = init(&home, &["--all"]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("docs/azure-setup.md"), "{said}");
    assert!(is_unconfigured(&home));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_approval_is_told_and_made_once_it_is_approved() {
    let home = home().await;
    let cloud = home.path("config.d/cloud.toml");
    let waits = fs::read_to_string(&cloud).unwrap();
    fs::write(
        &cloud,
        waits.replace("[agent]\n", "[agent]\napproval_wait = \"1s\"\n"),
    )
    .unwrap();
    let args = [
        "--window",
        "PIM Appliances",
        "--vault",
        "kv-appliances",
        "--all",
    ];
    let refused = init(&home, &args);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(7), "{said}");
    assert!(said.contains("alex@contoso.onmicrosoft.com"), "{said}");
    assert!(is_unconfigured(&home));
    let approved = home.emulator.change(|cloud| cloud.decide(APPLIANCES, true));
    assert_eq!(approved, 1);
    let made = init(&home, &args);
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(config(&home).contains("[password.switch-enable]"));
    assert_eq!(activations(&home), 1);
}
