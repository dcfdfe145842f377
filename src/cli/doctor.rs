//! `pimento doctor`: what keeps keys and passwords from being used, and what to do about it.
//!
//! Enters: this machine, the configuration, and what the agent finds in the cloud. Leaves: a line for
//! each check, or one JSON value; the exit code tells the worst. What never happens here: a change
//! of anything; without `--keys`, an opening.

use serde_json::{Value, json};

use super::output::Output;
use super::{Failure, START};
use crate::config::Paths;
use crate::control::client;
use crate::control::proto::control_client::ControlClient;
use crate::control::proto::{self, ExamineRequest, StatusRequest, finding};
use crate::doctor::{Case, Finding, Verdict};
use crate::refusal::ExitCode;

use machine::Machine;

mod machine;

/// What to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Also read every configured key, opening the windows for it, and tell what is wrong with how it
    /// is stored
    #[arg(long)]
    keys: bool,
}

/// Looks at everything.
pub(super) async fn examine(
    args: Args,
    paths: &Paths,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let mut report = Report::new(output);
    for finding in Machine::this(paths).findings() {
        report.add(finding);
    }
    if let Some(mut agent) = agent(paths, &mut report).await {
        let mut findings = agent
            .examine(ExamineRequest { keys: args.keys })
            .await?
            .into_inner();
        while let Some(finding) = findings.message().await? {
            report.add_told(finding);
        }
    }
    Ok(report.end())
}

type Agent = ControlClient<tonic::transport::Channel>;

/// The agent, if there is one of this version.
async fn agent(paths: &Paths, report: &mut Report<'_>) -> Option<Agent> {
    let case = Case::of("agent", "");
    let mut agent = match client::connect(&paths.control_socket()).await {
        Ok(agent) => agent,
        Err(absent) => {
            let remedy =
                format!("{START}: the checks of the cloud are the agent's, which has your sign-in");
            report.add(case.failure(absent.to_string(), remedy));
            return None;
        }
    };
    let own = env!("CARGO_PKG_VERSION");
    let status = agent.status(StatusRequest {}).await;
    report.add(match status.map(tonic::Response::into_inner) {
        Err(status) => case.failure(format!("it does not answer: {}", status.message()), AGAIN),
        Ok(status) if status.version != own => case.warning(
            format!(
                "it is version {}, and this command is {own}",
                status.version
            ),
            format!("so that both are of one version, {AGAIN}"),
        ),
        Ok(status) if status.locked => case.warning(
            "it is locked, and refuses everything",
            "`pimento lock --off`",
        ),
        Ok(_) => case.ok(format!("it answers, version {own}")),
    });
    Some(agent)
}

/// The findings so far. Without `--json` each is shown when it is made.
struct Report<'o> {
    output: &'o Output,
    values: Vec<Value>,
    worst: Verdict,
}

impl<'o> Report<'o> {
    const fn new(output: &'o Output) -> Self {
        Self {
            output,
            values: Vec::new(),
            worst: Verdict::Ok,
        }
    }

    fn add_told(&mut self, told: proto::Finding) {
        let verdict = match told.verdict() {
            finding::Verdict::Ok => Verdict::Ok,
            finding::Verdict::Skipped => Verdict::Skipped,
            finding::Verdict::Warning => Verdict::Warning,
            finding::Verdict::Failure | finding::Verdict::Unspecified => Verdict::Failure,
        };
        self.show(
            &told.check,
            &told.subject,
            verdict,
            &told.reason,
            &told.remedy,
        );
    }

    fn add(&mut self, found: Finding) {
        self.show(
            found.check,
            &found.subject,
            found.verdict,
            &found.reason,
            &found.remedy,
        );
    }

    fn show(&mut self, check: &str, subject: &str, verdict: Verdict, reason: &str, remedy: &str) {
        self.worst = self.worst.max(verdict);
        if self.output.is_json() {
            self.values.push(json!({
                "check": check, "subject": given(subject), "verdict": verdict.word(),
                "reason": reason, "remedy": given(remedy),
            }));
            return;
        }
        let mut line = format!("{:<8} {check:<12} ", verdict.word());
        if !subject.is_empty() {
            line.push_str(&format!("{subject}: "));
        }
        line.push_str(reason);
        if !remedy.is_empty() {
            line.push_str(&format!("\n         {remedy}"));
        }
        self.output.result(&line, &Value::Null);
    }

    /// The exit code: that of the worst verdict.
    fn end(self) -> ExitCode {
        if self.output.is_json() {
            let value = json!({"worst": self.worst.word(), "findings": self.values});
            self.output.result("", &value);
        }
        match self.worst {
            Verdict::Ok | Verdict::Skipped => ExitCode::Done,
            Verdict::Warning => ExitCode::Partly,
            Verdict::Failure => ExitCode::Failed,
        }
    }
}

/// How an agent is started anew.
const AGAIN: &str = if cfg!(target_os = "linux") {
    "start it again: `systemctl --user restart pimento.service`, or end it and run `pimento agent`"
} else {
    "end it, and start it again: `pimento agent`"
};

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
