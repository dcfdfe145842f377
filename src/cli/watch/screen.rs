//! What the live view shows: a model in, cells out. Pure.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::look::{Look, wrapped};
use super::model::{Mode, Model, Tone};
use crate::cli::show::plain;

mod asks;
mod overlay;
mod windows;

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, look: Look) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let (width, height) = SMALLEST;
        let text = format!("too small: {width}x{height} at least (q quits)");
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let footer = footer(model, look, area.width, area.height / 2);
    let height = u16::try_from(footer.len()).unwrap_or(1);
    // Air, where there is room for it.
    let head = if area.height >= TALL { 2 } else { 1 };
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(head),
        Constraint::Min(0),
        Constraint::Length(height),
    ])
    .areas(area);
    frame.render_widget(header(model, look, head.width), head);
    match area.width >= WIDE {
        true => wide(frame, model, look, body),
        false => narrow(frame, model, look, body),
    }
    frame.render_widget(Paragraph::new(footer), foot);
    overlay::draw(frame, model, look, foot);
}

/// Everything below each other.
fn narrow(frame: &mut Frame<'_>, model: &Model, look: Look, body: Rect) {
    let (width, height) = (usize::from(body.width), usize::from(body.height));
    let refusals = asks::refusals(model, look, width, 1);
    let warnings = asks::warnings(model, look, width, 2);
    // What is open comes first, and leaves room for what else there is.
    let some_asks = (model.status.asked.len().max(1) + 2).min(SOME_ASKS);
    let rest = refusals.len() + warnings.len() + some_asks;
    let most = height.saturating_sub(rest).max(4);
    let windows = windows::lines(model, look, width, most);
    let used = windows.len() + refusals.len() + warnings.len();
    let asks = asks::asks(model, look, width, height.saturating_sub(used));
    // What is left over goes to what was cut.
    let spare = height.saturating_sub(used + asks.len());
    let warnings = asks::warnings(model, look, width, 2 + spare);
    let all = windows
        .into_iter()
        .chain(asks)
        .chain(refusals)
        .chain(warnings);
    frame.render_widget(Paragraph::new(all.collect::<Vec<_>>()), body);
}

/// What there is to the left, what happened to the right.
fn wide(frame: &mut Frame<'_>, model: &Model, look: Look, body: Rect) {
    let [left, _, right] = Layout::horizontal([
        Constraint::Percentage(46),
        Constraint::Length(3),
        Constraint::Min(0),
    ])
    .areas(body);
    let (width, height) = (usize::from(left.width), usize::from(left.height));
    let below: Vec<Line<'_>> = asks::warnings(model, look, width, 6)
        .into_iter()
        .chain(windows::credentials(model, look, width))
        .collect();
    let most = height.saturating_sub(below.len()).max(4);
    let windows = windows::lines(model, look, width, most).into_iter();
    frame.render_widget(
        Paragraph::new(windows.chain(below).collect::<Vec<_>>()),
        left,
    );
    let (width, height) = (usize::from(right.width), usize::from(right.height));
    let refusals = asks::refusals(model, look, width, 3);
    let most = height.saturating_sub(refusals.len());
    let asks = asks::asks(model, look, width, most).into_iter();
    frame.render_widget(
        Paragraph::new(asks.chain(refusals).collect::<Vec<_>>()),
        right,
    );
}

/// Who is signed in where, and whether there is an agent and a lock.
fn header(model: &Model, look: Look, width: u16) -> Line<'static> {
    let status = &model.status;
    let state = match (&model.lost, status.locked) {
        (Some(_), _) => Span::styled("no agent", look.bad()),
        (None, true) => Span::styled("LOCKED", look.bad()),
        (None, false) => Span::styled("ready", look.good()),
    };
    let who: Vec<String> = status
        .tenants
        .iter()
        .map(|tenant| match tenant.user_name.as_str() {
            "" => format!("{}: not signed in", tenant.name),
            user => format!("{}: {}", tenant.name, plain(user)),
        })
        .collect();
    let name = format!("pimento {}", status.version);
    let used = Span::raw(name.as_str()).width() + 2 + state.width() + 2;
    let room = usize::from(width).saturating_sub(used);
    let who = look.fit(&who.join("   "), room.saturating_sub(1));
    let space = room.saturating_sub(Span::raw(who.as_str()).width());
    Line::from(vec![
        Span::styled(name, look.strong()),
        Span::raw("  "),
        state,
        Span::raw(" ".repeat(space + 2)),
        Span::raw(who),
    ])
}

/// What came of the last key, and what the next can be, in at most `most` lines: where there is no room
/// for all, what is typed and the keys stay.
fn footer(model: &Model, look: Look, width: u16, most: u16) -> Vec<Line<'static>> {
    let width = usize::from(width);
    let rule = Line::from(look.signs.rule.repeat(width)).style(look.faint());
    let end = overlay::typed(model, width)
        .into_iter()
        .chain([keys(model, look)]);
    let end: Vec<Line<'static>> = end.collect();
    let room = usize::from(most).saturating_sub(1 + end.len());
    let question = overlay::question(model, look);
    // The question comes first; of what came of the last key a line stays beside it.
    let for_message = match &question {
        Some((text, _)) => room.saturating_sub(wrapped(text, width).len()).max(1),
        None => room,
    };
    let mut lines = Vec::new();
    if let Some((text, style)) = message(model, look) {
        let shown = look.lines(&text, width, for_message.min(4)).into_iter();
        lines.extend(shown.map(|it| Line::styled(it, style)));
    }
    if let Some((text, style)) = question {
        let left = room.saturating_sub(lines.len());
        let shown = look.lines(&text, width, left).into_iter();
        lines.extend(shown.map(|it| Line::styled(it, style)));
    }
    [rule].into_iter().chain(lines).chain(end).collect()
}

/// What came of the last key, or that the agent is gone.
fn message(model: &Model, look: Look) -> Option<(String, Style)> {
    if let Some(why) = &model.lost {
        let more = look.signs.more;
        let text = format!(
            "The agent is gone ({}); what is shown was before. Looking for it {more}",
            plain(why)
        );
        return Some((text, look.bad()));
    }
    let message = model.message.as_ref()?;
    let style = match message.tone {
        Tone::Good => look.strong(),
        Tone::Busy => look.warning(),
        Tone::Bad => look.bad(),
    };
    Some((plain(&message.text), style))
}

fn keys(model: &Model, look: Look) -> Line<'static> {
    let keys: &[(&str, &str)] = match &model.mode {
        Mode::Windows if model.status.locked => &[("L", "unlock"), ("?", "help"), ("q", "quit")],
        Mode::Windows => &[
            ("o", "open"),
            ("c", "close"),
            ("L", "lock"),
            ("a", "approvals"),
            ("j/k", "select"),
            ("?", "help"),
            ("q", "quit"),
        ],
        Mode::Help => &[("any key", "back")],
        Mode::Closing { .. } => &[("y", "close it"), ("n", "leave it")],
        Mode::Asking(_) => &[("Enter", "take it"), ("Esc", "leave it")],
        Mode::Approvals(_) => &[
            ("a", "approve"),
            ("d", "deny"),
            ("j/k", "select"),
            ("r", "look again"),
            ("Esc", "back"),
        ],
    };
    let mut spans = Vec::new();
    for (key, what) in keys {
        spans.push(Span::styled((*key).to_owned(), look.name()));
        spans.push(Span::raw(format!(" {what}   ")));
    }
    Line::from(spans)
}

/// From here on there are two columns.
const WIDE: u16 = 120;

/// From here on there is room for air.
const TALL: u16 = 30;

/// Less shows nothing of use.
const SMALLEST: (u16, u16) = (40, 10);

/// Lines that windows leave to asks: a heading and a few.
const SOME_ASKS: usize = 6;

#[cfg(test)]
mod tests;
