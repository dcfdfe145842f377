//! What comes over the view or into its last lines: questions, approvals, help.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph};

use super::super::look::{Look, wrapped};
use super::super::model::{Approvals, Mode, Model, Waiting};
use super::windows::lasting;
use crate::cli::show::{plain, time_of_day};

/// The question of the last lines, if there is one.
pub(super) fn prompt(model: &Model, look: Look, width: usize) -> Vec<Line<'static>> {
    match &model.mode {
        Mode::Closing { window } => {
            let text =
                format!("Close {window}? Its keys and passwords are wiped, and PIM ends it.");
            let lines = wrapped(&text, width).into_iter();
            lines.map(|it| Line::styled(it, look.warning())).collect()
        }
        Mode::Asking(asking) => {
            let lines = wrapped(&plain(&asking.question), width).into_iter();
            let question = lines.map(|it| Line::styled(it, look.strong()));
            let (text, _) = shown(&asking.input.parts(), width);
            question.chain([Line::from(format!("> {text}"))]).collect()
        }
        Mode::Approvals(_) | Mode::Help | Mode::Windows => Vec::new(),
    }
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
            over(
                frame,
                "Waiting for your approval",
                approvals(list, look, width),
            );
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
fn over(frame: &mut Frame<'_>, title: &'static str, lines: Vec<Line<'static>>) {
    let all = frame.area();
    let wanted = lines.iter().map(Line::width).max().unwrap_or(0).max(30) + 4;
    let width = u16::try_from(wanted)
        .unwrap_or(u16::MAX)
        .min(all.width.saturating_sub(2));
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(u16::MAX)
        .min(all.height.saturating_sub(3));
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

fn approvals(list: &Approvals, look: Look, width: usize) -> Vec<Line<'static>> {
    let Some(waiting) = &list.waiting else {
        return vec![Line::styled("asking PIM", look.warning())];
    };
    if waiting.is_empty() {
        return vec![Line::from("nothing waits for you")];
    }
    let each = waiting.iter().enumerate();
    let blocks = each.flat_map(|(at, it)| approval(it, look, width, at == list.selected));
    let mut lines: Vec<Line<'static>> = blocks.collect();
    lines.pop();
    lines
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
