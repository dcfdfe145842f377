//! What the first login costs when the agent is not running yet, and systemd starts it, beside the first
//! login of an agent that runs and has opened nothing: real `ssh`, `sshd` and
//! `systemd-socket-activate`, in turn.
//!
//! `cargo bench --bench activation` prints medians (docs/performance.md).
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

#[cfg(target_os = "linux")]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
use {
    pimento::emulator::Scenario,
    pimento::emulator::scenario::vault_path,
    std::time::{Duration, Instant},
    support::home::{Home, Running},
};

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() {
    let mut took: [Vec<Duration>; 2] = Default::default();
    for _ in 0..LOGINS {
        for (activated, took) in [false, true].into_iter().zip(&mut took) {
            // Each is the first of its agent, in a home of its own.
            let home = home().await;
            let _agent = match activated {
                true => waiting(&home),
                false => running(&home),
            };
            let began = Instant::now();
            let login = home.ssh("web");
            took.push(began.elapsed());
            assert!(
                login.status.success(),
                "{}",
                support::home::text(&login.stderr)
            );
        }
    }
    let median = |took: &mut Vec<Duration>| {
        took.sort_unstable();
        took.get(took.len() / 2).unwrap().as_secs_f64() * 1000.0
    };
    let [warm, cold] = &mut took;
    let (warm, cold) = (median(warm), median(cold));
    println!("agent runs      {warm:>6.1} ms");
    println!("systemd starts  {cold:>6.1} ms, {:.2} times", cold / warm);
}

/// A home whose agent uses the sign-in of the Azure CLI: one that has just started has none of its own.
#[cfg(target_os = "linux")]
async fn home() -> Home {
    let scope = vault_path("kv-linux");
    let mut scenario = Scenario::example().unwrap();
    scenario.azure_roles = vec![support::eligible_for(&scope)];
    scenario.vaults.first_mut().unwrap().grants.clear();
    let home = Home::in_scenario(scenario).await.configured(|text| {
        let client = format!(
            "client_id = \"{}\"\nsign_in = \"device-code\"",
            support::CLIENT
        );
        let target = format!("scope = \"{scope}\"\nrole = \"Key Vault Secrets User\"");
        let text = text.replace(&client, "sign_in = \"azure-cli\"");
        text.replace(&format!("group = \"{}\"", support::GROUP), &target)
    });
    home.add_azure_cli();
    home
}

/// An agent that has started.
#[cfg(target_os = "linux")]
fn running(home: &Home) -> Running {
    home.agent_with(&[("PATH", &home.path_with_azure_cli())])
}

/// What starts an agent when somebody connects.
#[cfg(target_os = "linux")]
fn waiting(home: &Home) -> Running {
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::PermissionsExt;
    use std::process::Stdio;
    use std::sync::{Arc, Mutex};

    std::fs::create_dir(home.path("run")).unwrap();
    std::fs::set_permissions(home.path("run"), PermissionsExt::from_mode(0o700)).unwrap();
    let agent = home.pimento(&["agent"]);
    let mut activate = home.command("systemd-socket-activate");
    for socket in ["agent.sock", "control.sock"] {
        activate.arg("--listen").arg(home.path("run").join(socket));
    }
    for (name, value) in agent.get_envs() {
        let path = home.path_with_azure_cli();
        let value = value.unwrap_or_default().to_str().unwrap();
        let value = if name == "PATH" { &path } else { value };
        activate.arg(format!("--setenv={}={value}", name.display()));
    }
    activate.arg(agent.get_program()).args(agent.get_args());
    let mut child = activate.stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    // It says so for each.
    let said: Vec<String> = lines.by_ref().take(2).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    std::thread::spawn(move || lines.for_each(drop));
    Running(child, Arc::new(Mutex::new(String::new())))
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("systemd is found on Linux");
}

#[cfg(target_os = "linux")]
const LOGINS: usize = 31;
