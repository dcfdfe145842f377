//! The windows, and what is configured for them.

use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::super::look::Look;
use super::super::model::Model;
use crate::cli::output::counted;
use crate::cli::show::{plain, span, time_of_day};
use crate::cli::status::{ends_soon, summed_up};
use crate::control::proto::Window;
use crate::control::proto::window::State;

/// All windows, in at most `most` lines around the one that is selected.
pub(super) fn lines(model: &Model, look: Look, width: usize, most: usize) -> Vec<Line<'static>> {
    let windows = &model.status.windows;
    let open = windows
        .iter()
        .filter(|it| it.state() == State::Open)
        .count();
    let heading = format!("Windows ({open} of {} open)", windows.len());
    let mut lines = vec![look.heading(&heading, width)];
    if windows.is_empty() {
        lines.push(Line::from("  none is configured: `pimento init`"));
    }
    let names = windows.iter().map(|it| Span::raw(it.name.as_str()).width());
    let name = names.max().unwrap_or(0).clamp(4, width / 3);
    let blocks: Vec<Vec<Line<'static>>> = windows
        .iter()
        .enumerate()
        .map(|(at, it)| block(model, look, it, (name, width), at == model.selected.at()))
        .collect();
    let room = most.saturating_sub(2);
    lines.extend(around(blocks, model.selected.at(), room));
    lines.push(Line::default());
    lines
}

/// The blocks that fit into `room` lines, with the selected one among them; of one that does not fit, its
/// beginning.
pub(super) fn around(
    blocks: Vec<Vec<Line<'static>>>,
    selected: usize,
    room: usize,
) -> Vec<Line<'static>> {
    let heights = || blocks.iter().map(Vec::len);
    let begin: usize = heights().take(selected).sum();
    let end: usize = heights().take(selected + 1).sum();
    let skip = end.saturating_sub(room).min(begin);
    blocks.into_iter().flatten().skip(skip).take(room).collect()
}

/// A window: its line, and below it what it holds or waits for.
fn block(
    model: &Model,
    look: Look,
    window: &Window,
    (name, width): (usize, usize),
    selected: bool,
) -> Vec<Line<'static>> {
    let here = if selected { look.signs.here } else { " " };
    let style = match selected {
        true => look.strong().add_modifier(Modifier::REVERSED),
        false => look.strong(),
    };
    let head = vec![
        Span::raw(format!("{here} ")),
        Span::styled(look.cell(&window.name, name), style),
        Span::raw("  "),
    ];
    let room = width.saturating_sub(name + 4);
    let mut spans = head;
    let below = |text: String| Line::styled(look.fit(&format!("    {text}"), width), look.faint());
    match window.state() {
        State::Open => {
            spans.extend(open(model, look, window, room));
            let lines = [Line::from(spans)].into_iter();
            let held: Vec<&str> = window
                .held
                .iter()
                .map(|it| it.credential.as_str())
                .collect();
            let held = (!held.is_empty()).then(|| below(format!("holds {}", held.join(", "))));
            lines.chain(held).collect()
        }
        State::Opening => {
            spans.push(Span::styled("opening   ", look.warning()));
            // Who it waits for can be long, and has a line of its own.
            let stage = match window.request.as_str() {
                "" => plain(&window.stage),
                _ => "PIM: waiting for approval".to_owned(),
            };
            spans.push(Span::raw(look.fit(&stage, room.saturating_sub(10))));
            let by = window
                .approvers
                .iter()
                .map(|it| plain(it))
                .collect::<Vec<_>>()
                .join(" or ");
            let by = (!by.is_empty()).then(|| below(format!("by {by}")));
            let request = (!window.request.is_empty())
                .then(|| below(format!("request {}; c takes it back", window.request)));
            [Line::from(spans)]
                .into_iter()
                .chain(by)
                .chain(request)
                .collect()
        }
        State::Closed | State::Unspecified => {
            spans.push(Span::styled("closed", look.faint()));
            vec![Line::from(spans)]
        }
    }
}

/// State, bar, time left, end.
fn open(model: &Model, look: Look, window: &Window, room: usize) -> Vec<Span<'static>> {
    let left = model.left(window);
    let (word, style) = match left {
        0 => ("ended     ", look.bad()),
        left if ends_soon(left) => ("ends soon ", look.warning()),
        _ => ("open      ", look.good()),
    };
    let time = format!("  {}  until {}", clock(left), time_of_day(&window.ends));
    let bar = room
        .saturating_sub(10 + Span::raw(time.as_str()).width())
        .min(LONGEST_BAR);
    vec![
        Span::styled(word, style),
        Span::styled(
            look.bar(left, window.lasts.max(window.seconds_left), bar),
            style,
        ),
        Span::raw(time),
    ]
}

/// Seconds as a clock counts down: every line of a column as wide as the others.
fn clock(seconds: u64) -> String {
    format!(
        "{:>2}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// What is configured and held, in a few lines.
pub(super) fn credentials(model: &Model, look: Look, width: usize) -> Vec<Line<'static>> {
    let status = &model.status;
    let mut texts = vec![summed_up(&status.configured.unwrap_or_default())];
    if status.added_keys > 0 {
        texts.push(format!(
            "{} more added by clients (ssh-add -l)",
            status.added_keys
        ));
    }
    let shown = status.revealed.iter().take(4).map(|it| {
        let times = counted(usize::try_from(it.times).unwrap_or(usize::MAX), "time");
        let (name, at) = (&it.credential, time_of_day(&it.at));
        format!(
            "{name} was shown {times}, last {at} to {}",
            plain(&it.requester)
        )
    });
    texts.extend(shown);
    texts.push(format!("socket {}", status.agent_socket));
    texts.push(format!("record {}", status.audit_file));
    let lines = texts
        .iter()
        .map(|it| Line::from(look.fit(&format!("  {it}"), width)));
    [look.heading("Credentials", width)]
        .into_iter()
        .chain(lines)
        .collect()
}

/// How long something takes, for whoever decides about it.
pub(super) fn lasting(seconds: u64) -> String {
    match seconds {
        0 => String::new(),
        seconds => format!(" for {}", span(seconds)),
    }
}

/// A longer one says no more.
const LONGEST_BAR: usize = 40;
