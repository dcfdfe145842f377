//! README.md, docs/quick-start.md and docs/init.md: from nothing to a login.

use pimento::emulator::Scenario;
use pimento::emulator::scenario::{AzureRole, Policy, Role, vault_path};

use crate::reader::Reader;
use crate::support::USER;
use crate::support::terminal::Terminal;
use crate::walk::Walk;

/// Somebody who is eligible for a role on the vault, and has `az`.
async fn eligible() -> Reader {
    let mut scenario = Scenario::example().unwrap();
    scenario.eligibilities.clear();
    scenario.azure_roles = vec![AzureRole {
        scope: vault_path("kv-linux"),
        role: Role::SecretsUser,
        policy: Policy::default(),
        eligible: vec![USER.to_owned()],
        through: None,
        end: None,
        assigned: Vec::new(),
    }];
    let reader = Reader::unconfigured(scenario).await;
    std::fs::remove_dir_all(reader.home.path("bin")).unwrap();
    reader.home.add_azure_cli();
    reader.reaches(reader.home.sshd.port, &reader.home.sshd.host_key());
    reader
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_to_a_demo_and_by_az_login_to_a_login() {
    let page = Walk::of("README");
    let reader = eligible().await;
    let mut terminal = Terminal::run(&reader.shell(&page.block("az-login")));
    terminal.shows("Which secrets of vault kv-linux?");
    terminal.shows("[all] ");
    terminal.types("\n");
    terminal.shows("export SSH_AUTH_SOCK=");
    terminal.types("echo there-$((40 + 2)); exit\n");
    terminal.shows("there-42");
    let (well, shown) = terminal.ends();
    assert!(well, "{shown}");
    assert_eq!(reader.recorded("released"), 1);
    let demo = reader.ok(&page.block("try"));
    println!("DEMO {demo:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_leads_to_a_login_and_ends_the_window() {
    let page = Walk::of("docs/quick-start");
    let reader = eligible().await;
    let mut terminal = Terminal::run(&reader.shell(&page.block("configure")));
    println!("QS {}", terminal.shows("[all] "));
    terminal.types("\n");
    let (well, shown) = terminal.ends();
    println!("QS {well} {shown}");
    println!("QS {}", std::fs::read_to_string(reader.home.path(".config/pimento/config.toml")).unwrap());
    let _agent = reader.starts("pimento agent");
    println!("QS {:?}", reader.run(&page.block("look")));
    println!("QS {:?}", reader.run(&page.block("log-in")));
    println!("QS {:?}", reader.run(&page.block("see")));
}

#[tokio::test(flavor = "multi_thread")]
async fn init_asks_on_a_terminal_and_takes_options_elsewhere() {
    let page = Walk::of("docs/init");
    let lines = page.lines("init");
    let reader = eligible().await;
    let mut terminal = Terminal::run(&reader.shell(&lines[0]));
    terminal.shows("[all] ");
    terminal.types("\n");
    let (well, shown) = terminal.ends();
    assert!(well, "{shown}");
    let reader = Reader::unconfigured(Scenario::example().unwrap()).await;
    let made = reader.run(&page.block("without-questions"));
    println!("INIT {made:?}");
    let reader = Reader::unconfigured(Scenario::example().unwrap()).await;
    let made = reader.run(&lines[1]);
    println!("INIT {made:?}");
}
