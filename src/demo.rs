//! `pimento demo`: the whole story on one machine, without Azure and without root.
//!
//! Starts an emulated cloud and an SSH host in this process and the agent as the program it is,
//! then lets the real `ssh` and `ssh-add` use it. Every step checks what it claims; the first that
//! did not happen ends the demo with an error.

use std::time::{Duration, Instant};

use timeline::{Cost, Style, Timeline};

use crate::emulator::World;
use stage::Stage;

mod host;
mod props;
mod stage;
mod timeline;

/// Arguments of `pimento demo`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Leave everything running, and print what to try by hand
    #[arg(long)]
    pub keep: bool,
}

/// Runs the demo.
///
/// # Errors
/// What did not happen as it should.
pub async fn run(args: Args, json: bool) -> Result<(), String> {
    let colour = std::env::var_os("NO_COLOR").is_none()
        && std::io::IsTerminal::is_terminal(&std::io::stdout());
    let style = if json {
        Style::Json
    } else {
        Style::Text { colour }
    };
    let mut demo = Demo {
        timeline: Timeline::new(style),
        stage: Stage::set().await?,
    };
    demo.timeline
        .title("pimento: ssh logs in with a key that PIM opens and Key Vault holds");
    demo.opening()?;
    demo.signs_in().await?;
    demo.lists().await?;
    demo.logs_in("ssh: the first login opens the window")
        .await?;
    demo.twenty_logins().await?;
    demo.vault_signs().await?;
    demo.certified().await?;
    demo.password().await?;
    demo.window_ends().await?;
    demo.logs_in("ssh: the next login activates again").await?;
    demo.audit()?;
    demo.timeline
        .end("Every step happened: two activations, and no key or password on disk.");
    if args.keep {
        demo.timeline.note(&demo.stage.lines_to_try());
        tokio::signal::ctrl_c()
            .await
            .map_err(|error| error.to_string())?;
    }
    demo.stage.strike().await
}

struct Demo {
    timeline: Timeline,
    stage: Stage,
}

impl Demo {
    fn opening(&mut self) -> Result<(), String> {
        let seen = [
            format!(
                "a cloud (Entra, PIM, Key Vault) emulated at {}",
                self.stage.emulator.address()
            ),
            format!("an SSH host at {}", self.stage.host.address),
            format!(
                "a pimento agent, configured by {}",
                self.stage.config().display()
            ),
        ];
        self.timeline
            .step("the stage is set", None, &seen, &Cost::default());
        Ok(())
    }

    async fn signs_in(&mut self) -> Result<(), String> {
        let began = self.begin();
        let user = self.stage.sign_in().await?;
        let cost = self.cost(&began);
        let seen = [format!(
            "signed in as {user}; PIM was not asked for anything"
        )];
        must(
            self.stage.emulator.count(ACTIVATE) == 0,
            "signing in activated something",
        )?;
        self.timeline
            .step("signing in, once", Some("pimento login"), &seen, &cost);
        Ok(())
    }

    async fn lists(&mut self) -> Result<(), String> {
        let began = self.begin();
        let seen = self.stage.ssh_add_list().await?;
        let cost = self.cost(&began);
        must(seen.len() == 3, "ssh-add did not list all keys")?;
        must(cost.requests.is_empty(), "listing reached the cloud")?;
        self.timeline
            .step("the keys are listed", Some("ssh-add -l"), &seen, &cost);
        Ok(())
    }

    async fn logs_in(&mut self, title: &str) -> Result<(), String> {
        let began = self.begin();
        let seen = self.stage.ssh("web").await?;
        let cost = self.cost(&began);
        let operations = self.stage.emulator.calls();
        must(
            operations == COLD_LOGIN,
            &format!("a cold login made other requests: {operations:?}"),
        )?;
        self.timeline
            .step(title, Some("ssh root@demo.pimento.test"), &seen, &cost);
        Ok(())
    }

    async fn twenty_logins(&mut self) -> Result<(), String> {
        let (began, before) = (self.begin(), self.stage.host.logins());
        self.stage.ssh_at_once(20).await?;
        let cost = self.cost(&began);
        let logins = self.stage.host.logins() - before;
        must(logins == 20, "not every login came through")?;
        must(cost.requests.is_empty(), "a warm login reached the cloud")?;
        let seen = ["20 of 20 logged in; still one activation".to_owned()];
        self.timeline.step("20 logins at once", None, &seen, &cost);
        Ok(())
    }

    async fn vault_signs(&mut self) -> Result<(), String> {
        let mut operations = Vec::new();
        for _ in 0..2 {
            let began = self.begin();
            let seen = self.stage.ssh("deploy").await?;
            let cost = self.cost(&began);
            operations.extend(self.stage.emulator.calls());
            let title = "ssh with a key that never leaves the vault, which signs";
            let command = "ssh -i deploy.pub root@demo.pimento.test";
            self.timeline.step(title, Some(command), &seen, &cost);
        }
        must(
            operations == ["vault.key.get", "vault.key.sign", "vault.key.sign"],
            &format!("it cost {operations:?}"),
        )
    }

    async fn certified(&mut self) -> Result<(), String> {
        let began = self.begin();
        let mut seen = self.stage.certificate().await?;
        let operations = self.stage.emulator.calls();
        must(
            operations == ["vault.key.get", "vault.key.sign"],
            &format!("a certificate cost {operations:?}"),
        )?;
        let logged_in = self.stage.ssh("ops").await?;
        must(
            self.stage.emulator.calls() == operations,
            "a login with a certificate reached the cloud",
        )?;
        let cost = self.cost(&began);
        seen.extend(logged_in);
        let title = "ssh with a key made for this window, certified by a key of the vault";
        let command = "pimento open linux-root; ssh root@demo.pimento.test";
        self.timeline.step(title, Some(command), &seen, &cost);
        Ok(())
    }

    async fn password(&mut self) -> Result<(), String> {
        let began = self.begin();
        let seen = self.stage.ssh_by_password().await?;
        let cost = self.cost(&began);
        let operations = self.stage.emulator.calls();
        must(
            operations == ["vault.secret.get"],
            &format!("it cost {operations:?}"),
        )?;
        let command = "SSH_ASKPASS=pimento-askpass ssh -o PreferredAuthentications=password …";
        let title = "a root password goes to the prompt that asks for it";
        self.timeline.step(title, Some(command), &seen, &cost);
        Ok(())
    }

    async fn window_ends(&mut self) -> Result<(), String> {
        self.timeline.note(&format!(
            "(waiting for the window to end: {WINDOW} s of a usual hour)"
        ));
        let began = self.begin();
        let limit = Instant::now() + Duration::from_secs(WINDOW + 10);
        while self.stage.is_open().await? {
            must(Instant::now() < limit, "the window did not end")?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Ours is up to a second before PIM's: until then, the next login would wait for that.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let wiped = self.stage.wiped()?;
        must(wiped.len() == 4, "not everything was wiped")?;
        let cost = self.cost(&began);
        let seen = [format!("wiped from memory: {}", wiped.join(", "))];
        self.timeline.step("the window ends", None, &seen, &cost);
        Ok(())
    }

    fn audit(&mut self) -> Result<(), String> {
        let trail = self.stage.audit_trail()?;
        must(
            self.stage.emulator.count(ACTIVATE) == 1,
            "the last login did not activate once",
        )?;
        self.timeline
            .step("the audit trail of it all", None, &trail, &Cost::default());
        Ok(())
    }

    fn begin(&self) -> Began {
        self.stage.emulator.change(World::reset_counts);
        Began {
            at: Instant::now(),
            cloud: self.stage.emulator.change(|cloud| cloud.now()),
        }
    }

    fn cost(&self, began: &Began) -> Cost {
        let seen = self.stage.emulator.change(|cloud| cloud.seen().to_vec());
        let name = |operation: &str| match operation {
            ACTIVATE => "PIM activation".to_owned(),
            "graph.assignmentScheduleInstances.filterByCurrentUser" => "PIM window".to_owned(),
            "entra.token.refresh_token" => "vault token".to_owned(),
            "vault.secret.get" => "Key Vault read".to_owned(),
            "vault.key.get" => "public key".to_owned(),
            "vault.key.sign" => "signature".to_owned(),
            "entra.devicecode" => "device code".to_owned(),
            "entra.token.device_code" => "sign-in".to_owned(),
            other => other.to_owned(),
        };
        let requests = seen.iter().map(|request| {
            let after = request.at.duration_since(began.cloud).as_millis();
            format!("{} +{after} ms", name(&request.operation))
        });
        Cost {
            took: Some(began.at.elapsed()),
            requests: requests.collect(),
        }
    }
}

/// When a step began, by this machine's clock and the cloud's.
struct Began {
    at: Instant,
    cloud: jiff::Timestamp,
}

fn must(held: bool, otherwise: &str) -> Result<(), String> {
    if held {
        Ok(())
    } else {
        Err(format!("the demo failed: {otherwise}"))
    }
}

/// Seconds that the demo's windows last; PIM's own shortest is five minutes.
const WINDOW: u64 = 15;
const ACTIVATE: &str = "graph.assignmentScheduleRequests.create";
const COLD_LOGIN: [&str; 4] = [
    ACTIVATE,
    "graph.assignmentScheduleInstances.filterByCurrentUser",
    "entra.token.refresh_token",
    "vault.secret.get",
];
