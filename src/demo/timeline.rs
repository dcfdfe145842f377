//! The demo's output: one line an event, with the time it happened and what it cost.

use std::time::Duration;

use serde_json::{Value, json};

/// How the timeline is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// One JSON object a line.
    Json,
    /// Text, with colour if the terminal wants it.
    Text {
        /// Whether to colour.
        colour: bool,
    },
}

/// Prints events as they happen.
pub(super) struct Timeline {
    style: Style,
    started: std::time::Instant,
    steps: u32,
}

/// What a step cost.
#[derive(Clone, Debug, Default)]
pub(super) struct Cost {
    /// How long it took.
    pub(super) took: Option<Duration>,
    /// The cloud requests it caused, in their order.
    pub(super) requests: Vec<String>,
}

impl Timeline {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            started: std::time::Instant::now(),
            steps: 0,
        }
    }

    /// A heading, above the first event.
    pub(super) fn title(&self, text: &str) {
        if let Style::Text { .. } = self.style {
            self.print(&format!("{}\n", self.paint(BOLD, text)));
        }
    }

    /// Something was done, and this was seen.
    pub(super) fn step(
        &mut self,
        title: &str,
        command: Option<&str>,
        seen: &[String],
        cost: &Cost,
    ) {
        self.steps += 1;
        match self.style {
            Style::Json => self.print(&self.json(title, command, seen, cost).to_string()),
            Style::Text { .. } => self.text(title, command, seen, cost),
        }
    }

    /// A line under the last step.
    pub(super) fn note(&self, text: &str) {
        if let Style::Text { .. } = self.style {
            self.print(&format!("{INDENT}{}", self.paint(DIM, text)));
        }
    }

    /// The last line.
    pub(super) fn end(&self, text: &str) {
        match self.style {
            Style::Json => self.print(&json!({"done": true, "steps": self.steps}).to_string()),
            Style::Text { .. } => self.print(&format!("\n{}", self.paint(BOLD, text))),
        }
    }

    fn text(&self, title: &str, command: Option<&str>, seen: &[String], cost: &Cost) {
        let at = self.started.elapsed().as_secs_f32();
        let took = cost
            .took
            .map(|took| format!("  {} ms", took.as_millis()))
            .unwrap_or_default();
        let head = format!(
            "{at:6.1} s  {}{}",
            self.paint(BOLD, title),
            self.paint(DIM, &took)
        );
        self.print(&head);
        if let Some(command) = command {
            self.print(&format!(
                "{INDENT}{}",
                self.paint(DIM, &format!("$ {command}"))
            ));
        }
        for line in seen {
            self.print(&format!("{INDENT}{line}"));
        }
        let cloud = match cost.requests.as_slice() {
            [] => "cloud: 0 requests".to_owned(),
            [one] => format!("cloud: 1 request ({one})"),
            many => format!("cloud: {} requests ({})", many.len(), many.join(" → ")),
        };
        self.print(&format!("{INDENT}{}", self.paint(CYAN, &cloud)));
    }

    fn json(&self, title: &str, command: Option<&str>, seen: &[String], cost: &Cost) -> Value {
        json!({
            "at_ms": u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "step": title,
            "command": command,
            "seen": seen,
            "took_ms": cost.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
            "cloud_requests": cost.requests,
        })
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        match self.style {
            Style::Text { colour: true } => format!("{colour}{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }

    #[expect(clippy::print_stdout, reason = "the timeline is what the demo is for")]
    fn print(&self, line: &str) {
        println!("{line}");
    }
}

const INDENT: &str = "          ";
const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const CYAN: &str = "\x1b[36m";
