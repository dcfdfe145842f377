//! README.md, docs/quick-start.md and docs/init.md: from nothing to a login.

use pimento::emulator::Scenario;
use pimento::emulator::scenario::vault_path;

use crate::reader::Reader;
use crate::support::eligible_for;
use crate::support::terminal::Terminal;
use crate::walk::Walk;

/// Somebody who is eligible for a role on the vault, and has `az`.
async fn eligible() -> Reader {
    let mut scenario = Scenario::example().unwrap();
    scenario.eligibilities.clear();
    scenario.azure_roles = vec![eligible_for(&vault_path("kv-linux"))];
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
    let demo = reader.ok(&page.block("try")).out;
    assert!(
        demo.contains("ssh: the next login activates again"),
        "{demo}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quick_start_leads_to_a_login_and_ends_the_window() {
    let page = Walk::of("docs/quick-start");
    let reader = eligible().await;
    let mut terminal = Terminal::run(&reader.shell(&page.block("configure")));
    terminal.shows("Which secrets of vault kv-linux?");
    terminal.shows("[all] ");
    terminal.types("\n");
    let (well, shown) = terminal.ends();
    assert!(
        well && shown.contains(".config/pimento/config.toml"),
        "{shown}"
    );
    let _agent = reader.starts("pimento agent");
    let [export, doctor, status] = page.lines("look").try_into().unwrap();
    // The way to the cloud of a test is one to warn of.
    reader.types(&doctor, 5, "ok       eligibility  kv-linux");
    reader.types(&status, 0, "kv-linux  closed");
    reader.ok(&format!("{export}\n{}", page.block("log-in")));
    assert_eq!(reader.recorded("released"), 1);
    let [status, close] = page.lines("see").try_into().unwrap();
    reader.types(&status, 0, "kv-linux  open");
    reader.types(&close, 5, "only five minutes after its beginning");
    reader.types(&status, 0, "kv-linux  closed");
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
    assert!(shown.contains("1 window, 3 keys, 1 password"), "{shown}");
    let reader = Reader::unconfigured(Scenario::example().unwrap()).await;
    let made = reader.ok(&page.block("without-questions"));
    assert!(
        made.out.contains("\"windows\":[\"pim-linux-root\"]"),
        "{made:?}"
    );
    let reader = Reader::unconfigured(Scenario::example().unwrap()).await;
    let mut terminal = Terminal::run(&reader.shell(&lines[1]));
    terminal.shows("https://");
    reader.signs_in(&format!("https://{}", terminal.shows("\n")));
    for (question, answer) in [
        ("[all] ", "1\n"),
        ("address): ", "kv-linux\n"),
        ("[all] ", "\n"),
    ] {
        terminal.shows(question);
        terminal.types(answer);
    }
    let (well, shown) = terminal.ends();
    assert!(
        well && shown.contains("1 window, 3 keys, 1 password"),
        "{shown}"
    );
}
