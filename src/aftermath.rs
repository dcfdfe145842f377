//! What becomes of a window, as the person is told it: that it is open, if that took a while; two minutes
//! before its end, and when the end has come. What goes on without it is ended, or offered to be.
//!
//! sudo remembers a password for a quarter of an hour, and a shared connection of ssh lasts as
//! long as it likes: neither knows of the window. What never happens here: anything that a window
//! still open depends on is ended; a wait that holds up the wipe, which has happened before.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;

use crate::catalog::Name;
use crate::clock::{Clock, Moment};
use crate::outside;
use crate::pipeline::{Pipeline, Trace};
use crate::prompt::Notifier;
use crate::window::View;

/// What is done when a window has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtEnd {
    /// sudo forgets (`sudo -K`).
    pub sudo: bool,
    /// Shared connections to hosts of the window are closed (`ssh -O exit`).
    pub control_master: bool,
}

/// Watches the windows for their ends.
pub struct Aftermath {
    /// What is done by itself; the rest is offered.
    pub at_end: AtEnd,
    /// Tells the person.
    pub notifier: Notifier,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// A window that was seen open.
struct Seen {
    until: Moment,
    warned: bool,
}

impl Aftermath {
    /// Follows the windows of `pipeline`; never returns.
    pub async fn follow(&self, pipeline: &Pipeline) {
        let mut changed = pipeline.broker.watch();
        let mut seen: HashMap<Name, Seen> = HashMap::new();
        let mut opening: HashMap<Name, Moment> = HashMap::new();
        loop {
            changed.mark_unchanged();
            let open = pipeline.broker.views();
            self.ready(&open, &mut opening, pipeline).await;
            // All that these have left behind, before anything is waited for: one of them may be opened anew.
            let ended: Vec<(Name, Trace)> = seen
                .extract_if(|name, _| {
                    let is_open = open.iter().any(|view| view.window == *name);
                    !is_open && !pipeline.broker.extends(name)
                })
                .map(|(name, _)| {
                    let trace = pipeline.traces.take(&name);
                    (name, trace)
                })
                .collect();
            for (window, trace) in ended {
                self.ended(&window, trace.without(&in_use(pipeline))).await;
            }
            let next = self.warn(&open, &mut seen, pipeline).await;
            let due = async {
                match next {
                    Some(next) => self.clock.sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                changed = changed.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Tells of the windows that are open at last: whoever waited for one has turned to something else.
    async fn ready(&self, open: &[View], opening: &mut HashMap<Name, Moment>, pipeline: &Pipeline) {
        let now = self.clock.now();
        for view in open {
            let begun = opening.remove(&view.window);
            if begun.is_some_and(|begun| begun.until(now) >= LONG) {
                let text = format!("Window {} is open.", view.window);
                let trace = pipeline.traces.of_window(&view.window);
                self.notifier.tell(&text, trace.requester.as_deref()).await;
            }
        }
        let still = pipeline.broker.openings();
        opening.retain(|name, _| still.iter().any(|(window, _)| window == name));
        for (window, _) in still {
            opening.entry(window).or_insert(now);
        }
    }

    /// Warns of the windows that end soon; tells when to look again.
    async fn warn(
        &self,
        open: &[View],
        seen: &mut HashMap<Name, Seen>,
        pipeline: &Pipeline,
    ) -> Option<Moment> {
        let now = self.clock.now();
        let mut next = None;
        for view in open {
            let until = view.terms.until;
            let left = now.until(until);
            let known = seen.entry(view.window.clone()).or_insert_with(|| Seen {
                until,
                // One that is open for hardly longer than the warning would be warned of at once.
                warned: left <= WARNING,
            });
            if known.until != until {
                *known = Seen {
                    until,
                    warned: left <= WARNING,
                };
            }
            if !known.warned && left <= WARNING {
                known.warned = true;
                let text = format!(
                    "Window {} ends in {} minutes.",
                    view.window,
                    left.as_secs().div_ceil(60)
                );
                let trace = pipeline.traces.of_window(&view.window);
                self.notifier.tell(&text, trace.requester.as_deref()).await;
            }
            if !known.warned {
                let warning = now.after(left.saturating_sub(WARNING));
                next = Some(next.map_or(warning, |next: Moment| next.min(warning)));
            }
        }
        next
    }

    async fn ended(&self, window: &Name, trace: Trace) {
        let mut offered = Vec::new();
        if trace.sudo {
            if self.at_end.sudo {
                run("sudo", &["-K"]).await;
            } else {
                offered.push("sudo -K".to_owned());
            }
        }
        for login in &trace.logins {
            if self.at_end.control_master {
                let close = ["-O", "exit", "-o", "BatchMode=yes", "--", login.as_str()];
                run("ssh", &close).await;
            } else {
                offered.push(format!("ssh -O exit {login}"));
            }
        }
        let text = told(window, &offered);
        self.notifier.tell(&text, trace.requester.as_deref()).await;
    }
}

/// What was done in the windows that are open now, or ended only to be opened for longer.
fn in_use(pipeline: &Pipeline) -> Trace {
    let broker = &pipeline.broker;
    let open = broker.views().into_iter().map(|view| view.window);
    let anew = broker.openings().into_iter().map(|(window, _)| window);
    let anew = anew.filter(|window| broker.extends(window));
    let mut all = Trace::default();
    for window in open.chain(anew) {
        let trace = pipeline.traces.of_window(&window);
        all.sudo |= trace.sudo;
        all.logins.extend(trace.logins);
    }
    all
}

/// What the person is told of an end.
fn told(window: &Name, offered: &[String]) -> String {
    let mut text = format!("Window {window} has ended; its keys and passwords are wiped.");
    if !offered.is_empty() {
        let shown = offered.get(..MOST_OFFERED).unwrap_or(offered);
        text.push_str(" To end what goes on without it: ");
        text.push_str(&shown.join("; "));
        if shown.len() < offered.len() {
            text.push_str("; …");
        }
    }
    text
}

/// Runs a program that says little and asks nothing; how it ends is logged.
async fn run(program: &str, args: &[&str]) {
    let beside = outside::command(Path::new(program), []);
    let mut command = beside.unwrap_or_else(|| Command::new(program));
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(LONGEST_RUN, command.status()).await;
    match ended {
        Ok(Ok(status)) => tracing::info!(program, ?args, %status, "ran at the end of a window"),
        Ok(Err(error)) => tracing::warn!(program, %error, "cannot run at the end of a window"),
        Err(_) => tracing::warn!(program, "took too long at the end of a window"),
    }
}

/// An opening that took longer is told of when it is done.
const LONG: Duration = Duration::from_secs(15);

/// How long before its end a window is warned of.
const WARNING: Duration = Duration::from_secs(120);

/// Both programs only remove a file, or talk to a local socket.
const LONGEST_RUN: Duration = Duration::from_secs(10);

/// Commands in one notice.
const MOST_OFFERED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_offers_what_is_not_done_by_itself() {
        let window = Name::parse("linux-root").unwrap();
        let offered = ["sudo -K".to_owned(), "ssh -O exit root@db01".to_owned()];
        assert_eq!(
            told(&window, &offered),
            "Window linux-root has ended; its keys and passwords are wiped. To end what goes on \
             without it: sudo -K; ssh -O exit root@db01"
        );
        assert_eq!(
            told(&window, &[]),
            "Window linux-root has ended; its keys and passwords are wiped."
        );
        let many: Vec<String> = (0..9).map(|host| format!("ssh -O exit h{host}")).collect();
        assert!(told(&window, &many).ends_with("ssh -O exit h3; …"));
    }
}
