//! What was asked for, what was refused, and what is to be known.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::super::look::{Look, wrapped};
use super::super::model::Model;
use crate::cli::show::{one_line, plain, time_of_day};
use crate::cli::status::outcome;
use crate::control::proto::asked::Outcome;
use crate::control::proto::{Asked, Refused};

/// The last asks, in at most `most` lines.
pub(super) fn asks(model: &Model, look: Look, width: usize, most: usize) -> Vec<Line<'static>> {
    let asked = &model.status.asked;
    let mut lines = vec![look.heading("Asks, newest first", width)];
    if asked.is_empty() {
        let text = "  nothing was asked for since the agent started";
        lines.push(Line::styled(look.fit(text, width), look.faint()));
    }
    let room = most.saturating_sub(2);
    let shown = || asked.iter().take(room);
    let name = widest(shown().map(|it| &it.credential)).clamp(4, (width / 5).max(4));
    let columns = Columns::of(width, name, widest(shown().map(|it| &it.end)));
    lines.extend(shown().map(|it| ask(it, look, &columns)));
    lines.truncate(most.saturating_sub(1).max(1));
    lines.push(Line::default());
    lines
}

fn widest<'a>(texts: impl Iterator<Item = &'a String>) -> usize {
    let widths = texts.map(|it| Span::raw(it.as_str()).width());
    widths.max().unwrap_or(0)
}

/// How wide each part of a line is.
struct Columns {
    name: usize,
    end: usize,
    /// Who asks, which the narrow screen leaves out; 0 then.
    who: usize,
}

impl Columns {
    fn of(width: usize, name: usize, end: usize) -> Self {
        let room = width.saturating_sub(2 + TIME + 2 + name + 2 + OUTCOME);
        match room {
            60.. => {
                let end = end.min(room - LEAST_WHO);
                let who = room - end - 2;
                Self { name, end, who }
            }
            end => Self { name, end, who: 0 },
        }
    }
}

fn ask(asked: &Asked, look: Look, columns: &Columns) -> Line<'static> {
    let (word, style) = (outcome(asked.outcome()), tone(asked.outcome(), look));
    let word = match asked.code.as_str() {
        "" => word.to_owned(),
        code => format!("{word}: {code}"),
    };
    let at = time_of_day(&asked.at);
    let clock = at.rsplit(' ').next().unwrap_or(&at).to_owned();
    let mut spans = vec![
        Span::raw(format!("  {}  ", look.cell(&clock, TIME))),
        Span::styled(
            look.cell(&plain(&asked.credential), columns.name),
            look.strong(),
        ),
        Span::raw(format!("  {}", look.cell(&plain(&asked.end), columns.end))),
    ];
    if columns.who > 0 {
        let who = look.cell(&plain(&asked.requester), columns.who);
        spans.push(Span::raw(format!("  {who}")));
    }
    spans.push(Span::styled(look.fit(&format!("  {word}"), OUTCOME), style));
    Line::from(spans)
}

fn tone(outcome: Outcome, look: Look) -> Style {
    match outcome {
        Outcome::Released | Outcome::Prepared => look.good(),
        Outcome::Waiting => look.warning(),
        Outcome::Refused => look.bad(),
        Outcome::Left | Outcome::Unspecified => look.faint(),
    }
}

/// The last refusals with what to do, at most `most` of them; nothing where nothing was refused.
pub(super) fn refusals(model: &Model, look: Look, width: usize, most: usize) -> Vec<Line<'static>> {
    let refused = &model.status.refused;
    if refused.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![look.heading("Last refusals (pimento why tells more)", width)];
    lines.extend(
        refused
            .iter()
            .take(most)
            .flat_map(|it| refusal(it, look, width)),
    );
    lines.push(Line::default());
    lines
}

fn refusal(one: &Refused, look: Look, width: usize) -> Vec<Line<'static>> {
    let refusal = one.refusal.clone().unwrap_or_default();
    let at = time_of_day(&one.at);
    let head = Line::from(vec![
        Span::raw(format!("  {at}  ")),
        Span::styled(refusal.code.clone(), look.bad()),
        Span::raw("  "),
        Span::styled(look.fit(&plain(&one.credential), width / 3), look.strong()),
    ]);
    let room = width.saturating_sub(4);
    let block = |text: &str, most: usize| look.lines(&plain(text), room, most);
    let said = block(&refusal.message, 2)
        .into_iter()
        .map(|it| Line::from(format!("    {it}")));
    let advice = block(&refusal.advice, 2)
        .into_iter()
        .filter(|it| !it.is_empty());
    let advice = advice.map(|it| Line::styled(format!("    {it}"), look.warning()));
    [head].into_iter().chain(said).chain(advice).collect()
}

/// What is to be known, in at most `most` lines and a heading; nothing where there is nothing.
pub(super) fn warnings(model: &Model, look: Look, width: usize, most: usize) -> Vec<Line<'static>> {
    let warnings = &model.status.warnings;
    if warnings.is_empty() {
        return Vec::new();
    }
    let heading = match warnings.len() {
        1 => "1 warning".to_owned(),
        count => format!("{count} warnings"),
    };
    let mut lines = vec![look.heading(&heading, width)];
    let each = warnings.iter().flat_map(|it| {
        let lines = wrapped(&one_line(it), width.saturating_sub(4)).into_iter();
        lines.enumerate().map(|(at, text)| match at {
            0 => format!("  ! {text}"),
            _ => format!("    {text}"),
        })
    });
    let all: Vec<String> = each.collect();
    let cut = all.len() > most;
    let shown = all.into_iter().take(most);
    lines.extend(shown.map(|it| Line::styled(it, look.warning())));
    if cut && let Some(last) = lines.pop() {
        let text: String = last.spans.iter().map(|it| it.content.as_ref()).collect();
        let text = look.fit(&text, width.saturating_sub(24));
        lines.push(Line::styled(
            format!("{text} (more: pimento status)"),
            look.warning(),
        ));
    }
    lines.push(Line::default());
    lines
}

/// `15:04:05`.
const TIME: usize = 8;

/// Two blanks, and the longest of the usual refusals.
const OUTCOME: usize = 22;

/// Enough to recognise a program by.
const LEAST_WHO: usize = 24;
