//! Where everything is printed.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

use serde_json::{Value, json};

use super::paint::Paint;
use super::show::{beginning, plain};
use crate::control::proto;
use crate::inert::inert_lines;

/// How results and hints are shown.
pub(super) struct Output {
    json: bool,
    quiet: bool,
    /// Whether stderr is a terminal, whose last line can be rewritten.
    live: bool,
}

impl Output {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        Self {
            json,
            quiet,
            live: std::io::stderr().is_terminal(),
        }
    }

    /// Whether a program reads the results.
    pub(super) const fn is_json(&self) -> bool {
        self.json
    }

    /// How results are colored.
    pub(super) fn paint(&self) -> Paint {
        Paint::of_stdout()
    }

    /// The result: `value` with `--json`, else `text`.
    pub(super) fn result(&self, text: &str, value: &Value) {
        if self.json {
            line(value);
        } else if !text.is_empty() {
            line(&text);
        }
    }

    /// Results that come bit by bit.
    pub(super) fn stream(&self) -> impl Write + use<> {
        std::io::BufWriter::new(std::io::stdout())
    }

    /// A secret, alone on stdout.
    pub(super) fn secret(&self, secret: &[u8]) -> std::io::Result<()> {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(secret)?;
        stdout.write_all(b"\n")?;
        stdout.flush()
    }

    /// Whether stdout is a terminal, where a secret would stay on the screen.
    pub(super) fn is_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Something the person should know or do.
    pub(super) fn hint(&self, text: &str) {
        if !self.quiet {
            say(format_args!("{text}\n"));
        }
    }

    /// How far it is: one line, rewritten on a terminal.
    pub(super) fn progress(&self, stage: &str) {
        match (self.quiet, self.live) {
            (true, _) => {}
            // A line that breaks could not be rewritten as a whole.
            (false, true) => say(format_args!("\r\x1b[K{}", of_one_line(stage, width()))),
            (false, false) => say(format_args!("{}\n", plain(stage))),
        }
    }

    /// Ends the progress line.
    pub(super) fn progress_ends(&self) {
        if self.live && !self.quiet {
            say(format_args!("\r\x1b[K"));
        }
    }

    /// What a person should know meanwhile.
    pub(super) fn notice(&self, text: &str) {
        self.progress_ends();
        self.hint(&format!("pimento: {}", inert_lines(text, '?')));
    }

    /// An error: what, why, and what to do.
    pub(super) fn failure(&self, refusal: &proto::Refusal) {
        self.progress_ends();
        if self.json {
            let error = json!({
                "code": refusal.code, "message": refusal.message, "advice": refusal.advice,
            });
            // Never on stdout: there it could be taken for a password.
            say(format_args!("{}\n", json!({ "error": error })));
            return;
        }
        say(format_args!(
            "pimento: {}\n",
            inert_lines(&refusal.message, '?')
        ));
        if !refusal.advice.is_empty() {
            say(format_args!("  {}\n", inert_lines(&refusal.advice, '?')));
        }
    }

    pub(super) fn completions(&self, shell: clap_complete::Shell, command: &mut clap::Command) {
        let mut script = Vec::new();
        clap_complete::generate(shell, command, "pimento", &mut script);
        print(&script);
    }
}

/// Prints a line of a result.
fn line(line: &impl Display) {
    print(format!("{line}\n").as_bytes());
}

/// Prints a result, or ends.
fn print(text: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let Err(error) = stdout.write_all(text).and_then(|()| stdout.flush()) else {
        return;
    };
    if error.kind() == ErrorKind::BrokenPipe {
        // Whoever read has had enough, as `head` has: an end as by the signal that others get.
        std::process::exit(141);
    }
    say(format_args!(
        "pimento: the result cannot be printed: {error}\n"
    ));
    std::process::exit(1);
}

/// A stage in one line of a terminal, whose last cell stays free: some break the line there.
fn of_one_line(stage: &str, width: usize) -> String {
    let stage = plain(stage);
    format!("{} …", beginning(&stage, width.saturating_sub(3)))
}

/// How wide the terminal of stderr is; far more than anything is long where that is not told.
fn width() -> usize {
    #[cfg(unix)]
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map(|size| size.ws_col);
    #[cfg(not(unix))]
    let columns = ratatui::crossterm::terminal::size().map(|(columns, _)| columns);
    match columns {
        Ok(0) | Err(_) => usize::from(u16::MAX),
        Ok(columns) => usize::from(columns),
    }
}

/// Tells a person something, if anybody still listens.
fn say(text: std::fmt::Arguments) {
    let _unheard = std::io::stderr().lock().write_fmt(text);
}

/// `1 key`, `2 keys`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// Logs go to stderr, as far as `PIMENTO_LOG` asks for them (`info`, `pimento=debug`).
pub(super) fn logs() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("PIMENTO_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .try_init();
    if let Err(error) = started {
        say(format_args!("pimento: logs cannot be shown: {error}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_stays_on_one_line_and_steers_nothing() {
        assert_eq!(of_one_line("PIM: asking", 80), "PIM: asking …");
        assert_eq!(of_one_line("PIM: asking", 11), "PIM: ask …");
        assert_eq!(of_one_line("PIM: 日本語", 10), "PIM: 日 …");
        let steering = "PIM: waiting for approval by mia\u{1b}[2J\u{202e}\r\n";
        let told = "PIM: waiting for approval by mia?[2J??? …";
        assert_eq!(of_one_line(steering, 80), told);
        assert_eq!(of_one_line("PIM", 0), " …");
    }
}
