//! What comes over the view or into its last lines: questions, approvals, help.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph};

use super::super::look::{Look, wrapped};
use super::super::model::{Approvals, Mode, Model, Waiting};
use super::windows::{around, lasting};
use crate::cli::show::{plain, time_of_day};

/// The question of the last lines, if there is one.
pub(super) fn question(model: &Model, look: Look) -> Option<(String, Style)> {
    match &model.mode {
        Mode::Closing { window } => {
            let text =
                format!("Close {window}? Its keys and passwords are wiped, and PIM ends it.");
            Some((text, look.warning()))
        }
        Mode::Asking(asking) => Some((plain(&asking.question), look.strong())),
        Mode::Approvals(_) | Mode::Help | Mode::Windows => None,
    }
}

/// The line that is typed, if one is.
pub(super) fn typed(model: &Model, width: usize) -> Option<Line<'static>> {
    let Mode::Asking(asking) = &model.mode else {
        return None;
    };
    let (text, _) = shown(&asking.input.parts(), width);
    Some(Line::from(format!("> {text}")))
}

/// The part of a typed line that fits around its cursor, and where that is.
fn shown((before, behind): &(String, String), width: usize) -> (String, usize) {
    let room = width.saturating_sub(3);
    let mut start = before.clone();
    while Span::raw(start.as_str()).width() > room {
        start.remove(0);
    }
    let at = Span::raw(start.as_str()).width();
    let mut text = start;
    for c in behind.chars() {
        text.push(c);
        if Span::raw(text.as_str()).width() > room {
            text.pop();
            break;
        }
    }
    (text, at)
}

/// Draws what comes over the view, and puts the cursor where something is typed.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, look: Look, foot: Rect) {
    match &model.mode {
        Mode::Help => over(frame, "Keys", help(look)),
        Mode::Approvals(list) => {
            let width = usize::from(frame.area().width)
                .min(WIDEST)
                .saturating_sub(6);
            let room = usize::from(tallest(frame.area())).saturating_sub(2);
            let lines = approvals(list, look, width, room);
            let title = match list.known().len() {
                0 | 1 => "Waiting for your approval".to_owned(),
                count => format!(
                    "Waiting for your approval, {} of {count}",
                    list.selected.at() + 1
                ),
            };
            over(frame, &title, lines);
        }
        Mode::Asking(asking) => {
            let (_, at) = shown(&asking.input.parts(), usize::from(foot.width));
            let x = foot
                .x
                .saturating_add(2)
                .saturating_add(u16::try_from(at).unwrap_or(0));
            frame.set_cursor_position(Position::new(x, foot.bottom().saturating_sub(2)));
        }
        Mode::Closing { .. } | Mode::Windows => {}
    }
}

/// Lines in a frame in the middle, as large as they are.
fn over(frame: &mut Frame<'_>, title: &str, lines: Vec<Line<'static>>) {
    let all = frame.area();
    let wanted = lines.iter().map(Line::width).max().unwrap_or(0).max(36) + 4;
    let width = u16::try_from(wanted)
        .unwrap_or(u16::MAX)
        .min(all.width.saturating_sub(2));
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(u16::MAX)
        .min(tallest(all));
    let area = Rect {
        x: all.width.saturating_sub(width) / 2,
        y: all.height.saturating_sub(height) / 2,
        width,
        height,
    };
    let block = Block::bordered()
        .border_type(BorderType::Plain)
        .title(format!(" {title} "))
        .padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// How tall a frame may be, with its borders.
const fn tallest(all: Rect) -> u16 {
    all.height.saturating_sub(3)
}

/// What waits, in at most `room` lines around the one that is selected.
fn approvals(list: &Approvals, look: Look, width: usize, room: usize) -> Vec<Line<'static>> {
    let Some(waiting) = &list.waiting else {
        return vec![Line::styled("asking PIM", look.warning())];
    };
    if waiting.is_empty() {
        return vec![Line::from("nothing waits for you")];
    }
    let each = waiting.iter().enumerate();
    let at = list.selected.at();
    let mut blocks: Vec<Vec<Line<'static>>> = each
        .map(|(number, it)| approval(it, look, width, number == at))
        .collect();
    // The air below the last one.
    blocks.last_mut().map(Vec::pop);
    around(blocks, at, room)
}

fn approval(one: &Waiting, look: Look, width: usize, selected: bool) -> Vec<Line<'static>> {
    let asked = &one.approval;
    let here = if selected { look.signs.here } else { " " };
    let style = match selected {
        true => look.strong().add_modifier(Modifier::REVERSED),
        false => look.strong(),
    };
    let what = format!(
        " asks to be {}{}",
        plain(&asked.what),
        lasting(asked.seconds)
    );
    let who = look.fit(&plain(&asked.who), width / 2);
    let room = width.saturating_sub(Span::raw(who.as_str()).width() + 2);
    let mut lines = vec![Line::from(vec![
        Span::raw(format!("{here} ")),
        Span::styled(who, style),
        Span::raw(look.fit(&what, room)),
    ])];
    let mut below = |text: String| {
        let texts = wrapped(&text, width.saturating_sub(2)).into_iter();
        lines.extend(texts.map(|it| Line::from(format!("  {it}"))));
    };
    below(format!("why: {}", plain(&asked.reason)));
    if !asked.ticket.is_empty() {
        below(format!("ticket: {}", plain(&asked.ticket)));
    }
    if !asked.asked.is_empty() {
        below(format!(
            "since {} in {}",
            time_of_day(&asked.asked),
            one.tenant
        ));
    }
    lines.push(Line::default());
    lines
}

fn help(look: Look) -> Vec<Line<'static>> {
    let keys = [
        ("j k, arrows", "select a window"),
        (
            "o, Enter",
            "open it; asks for a reason or ticket if PIM wants one",
        ),
        ("c", "close it: wiped here and ended at PIM"),
        ("", "of one that waits for approval: take the request back"),
        ("L", "lock: everything is wiped and refused, until L again"),
        (
            "a",
            "ask PIM what waits for your approval; approve or deny it",
        ),
        ("q, Esc, Ctrl-C", "quit; what is open stays open"),
        ("Ctrl-Z", "suspend; fg brings it back"),
    ];
    let lines = keys.iter().map(|(key, what)| {
        Line::from(vec![
            Span::styled(look.cell(key, 15), look.name()),
            Span::raw((*what).to_owned()),
        ])
    });
    lines.collect()
}

/// A wider one is harder to read.
const WIDEST: usize = 100;
