//! `pimento status --watch` on a terminal: a live view with keys.
//!
//! Three streams meet here: what the agent tells, what the person presses, and a second's tick that
//! only counts down. What never happens here: a question to the cloud that no key asked for, or a
//! terminal that is left as no shell wants it.

use std::io::IsTerminal;
use std::pin::pin;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::output::Output;
use super::stop::Stop;
use super::{Agent, Failure, connect, status};
use crate::clock::{Clock, SystemClock};
use crate::config::Paths;
use crate::control::proto::{StatusReply, StatusRequest};
use crate::refusal::ExitCode;

use link::{Link, News};
use look::Look;
use model::{Model, Step, Told, Tone};
use terminal::{Screen, Typed};

mod cursor;
mod line;
mod link;
mod look;
mod model;
mod screen;
mod terminal;

/// Shows it live on a terminal, and elsewhere line by line.
pub(super) async fn watch(paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let mut agent = connect(paths).await?;
    if output.is_json() || !is_terminal() {
        return status::status(agent, output, true).await;
    }
    let reply = agent.status(StatusRequest {}).await?.into_inner();
    live(paths, agent, reply).await
}

/// Whether there is a screen to draw on, and somebody who presses keys.
fn is_terminal() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let dumb = dumb && cfg!(unix);
    !dumb && std::io::stdout().is_terminal() && std::io::stdin().is_terminal()
}

async fn live(paths: &Paths, agent: Agent, reply: StatusReply) -> Result<ExitCode, Failure> {
    let clock = SystemClock;
    let look = Look::of_terminal();
    let mut model = Model::new(reply, clock.now());
    warn_of_version(&mut model);
    let mut link = Link::new(paths.control_socket(), agent);
    let mut screen = Screen::enter().map_err(|error| unusable(&error))?;
    let mut typed = screen.keys();
    let stop = Stop::of_terminal().map_err(|error| unusable(&error))?;
    let mut ended = pin!(stop.asked());
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    // After a suspend there would be one for every second of it.
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        screen
            .draw(|frame| screen::draw(frame, &model, look))
            .map_err(|error| unusable(&error))?;
        let step = tokio::select! {
            news = link.news() => take(&mut model, news, &clock),
            typed = typed.recv() => press(&mut model, typed),
            _ = tick.tick() => {
                model.now = clock.now();
                Step::Nothing
            }
            () = &mut ended => Step::Quit,
        };
        match step {
            Step::Nothing => {}
            Step::Quit => return Ok(ExitCode::Done),
            Step::Suspend => screen.suspend().map_err(|error| unusable(&error))?,
            Step::Do(action) => {
                if model.lost.is_none() {
                    link.does(action);
                }
            }
        }
    }
}

fn take(model: &mut Model, news: News, clock: &SystemClock) -> Step {
    match news {
        News::Lost(why) => model.lost = Some(why),
        News::Status(status) => {
            let back = model.lost.is_some();
            model.update(*status, clock.now());
            if back {
                model.say("the agent is back".to_owned(), Tone::Good);
            }
            warn_of_version(model);
        }
        News::Told(told) => {
            let decided = matches!(told, Told::Decided(_));
            model.told(told);
            if decided {
                return model.looks_again();
            }
        }
    }
    Step::Nothing
}

fn press(model: &mut Model, typed: Option<Typed>) -> Step {
    match typed {
        Some(Typed::Key(key)) => model.press(key),
        Some(Typed::Pasted(text)) => {
            model.paste(&text);
            Step::Nothing
        }
        Some(Typed::Resized) => Step::Nothing,
        // Nobody can press anything any more.
        None => Step::Quit,
    }
}

fn warn_of_version(model: &mut Model) {
    let own = env!("CARGO_PKG_VERSION");
    let of_agent = &model.status.version;
    if of_agent != own {
        let text = format!("the agent is version {of_agent} and this command {own}; restart it");
        model.status.warnings.push(text);
    }
}

fn unusable(error: &std::io::Error) -> Failure {
    Failure::new(
        "terminal",
        ExitCode::Failed,
        format!("the terminal cannot be used: {error}"),
        "`pimento status` shows the same once, and `pimento status --watch | cat` line by line",
    )
}
