//! `pimento audit export`: the record as a table, one line for each ask with its answer.

use std::io::{self, BufReader, Write};
use std::path::Path;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::super::Failure;
use super::super::output::Output;
use super::joined::{COLUMNS, Joined, Row};
use super::{csv, open, unreadable, written};
use crate::audit::{Chain, Damage, next_line};
use crate::clock::{Clock, SystemClock};
use crate::refusal::ExitCode;

/// Which part of the record, and as what.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// What began at this time or later: 2026-01-31, 2026-01-31T08:00, 2026-01-31T08:00:00Z, or how
    /// long ago, such as 7d
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// What began before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// One JSON object a line, or a table for spreadsheets
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

/// Writes it, line by line; ends with 5 if the chain is broken somewhere in it.
pub(super) fn export(args: &Args, path: &Path, output: &Output) -> Result<ExitCode, Failure> {
    let (since, until) = (
        moment(args.since.as_deref())?,
        moment(args.until.as_deref())?,
    );
    let mut file = BufReader::new(open(path)?);
    let mut table = Table {
        out: output.stream(),
        format: args.format,
        since,
        until,
    };
    let (mut joined, mut chain, mut damage) = (Joined::default(), Chain::default(), None);
    let done = (|| {
        table.heading()?;
        while let Some(line) = next_line(&mut file).map_err(Broken::Read)? {
            let fields = match chain.follow(&line) {
                Ok(fields) => fields,
                Err(found) => {
                    damage.get_or_insert(found);
                    match line.read() {
                        Some(fields) => fields,
                        None => continue,
                    }
                }
            };
            for row in joined.take(&fields) {
                table.row(&row)?;
            }
        }
        for row in joined.rest() {
            table.row(&row)?;
        }
        table.out.flush().map_err(Broken::Write)
    })();
    match done {
        Err(Broken::Read(error)) => return Err(unreadable(path, &error)),
        Err(Broken::Write(error)) => written(Err(error))?,
        Ok(()) => {}
    }
    Ok(told(damage.as_ref(), output))
}

fn told(damage: Option<&Damage>, output: &Output) -> ExitCode {
    let Some(damage) = damage else {
        return ExitCode::Done;
    };
    output.hint(&format!(
        "pimento: the record is damaged: {damage}; `pimento audit verify` tells more"
    ));
    ExitCode::Partly
}

/// Where it failed.
enum Broken {
    Read(io::Error),
    Write(io::Error),
}

struct Table<W> {
    out: W,
    format: Format,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl<W: Write> Table<W> {
    fn heading(&mut self) -> Result<(), Broken> {
        match self.format {
            Format::Csv => self.write(&csv::row(COLUMNS.into_iter())),
            Format::Jsonl => Ok(()),
        }
    }

    fn row(&mut self, row: &Row) -> Result<(), Broken> {
        if !self.wants(row.began()) {
            return Ok(());
        }
        match self.format {
            Format::Csv => {
                let cells: Vec<String> = COLUMNS.iter().map(|it| row.text(it)).collect();
                self.write(&csv::row(cells.iter().map(String::as_str)))
            }
            Format::Jsonl => self.write(&format!("{}\n", row.json())),
        }
    }

    fn wants(&self, began: &str) -> bool {
        let Ok(began) = began.parse::<Timestamp>() else {
            // A time that cannot be read is for the auditor to see.
            return true;
        };
        self.since.is_none_or(|since| began >= since)
            && self.until.is_none_or(|until| began < until)
    }

    fn write(&mut self, text: &str) -> Result<(), Broken> {
        self.out.write_all(text.as_bytes()).map_err(Broken::Write)
    }
}

/// A time as a person writes it; without a zone it is the one of this machine.
fn moment(text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let here = TimeZone::system();
    let ago = || {
        let span: Span = text.parse().ok()?;
        let now = SystemClock.wall().to_zoned_datetime(here.clone());
        now.checked_sub(span.abs()).ok().map(|it| it.timestamp())
    };
    let local = || {
        let time: DateTime = text.parse().ok()?;
        time.to_zoned_datetime(here.clone())
            .ok()
            .map(|it| it.timestamp())
    };
    let day = || {
        let day: Date = text.parse().ok()?;
        day.to_zoned_datetime(here.clone())
            .ok()
            .map(|it| it.timestamp())
    };
    let found = text.parse().ok().or_else(local).or_else(day).or_else(ago);
    found.map(Some).ok_or_else(|| {
        Failure::new(
            "usage",
            ExitCode::Usage,
            format!("{text:?} is not a time"),
            "for example 2026-01-31, 2026-01-31T08:00, 2026-01-31T08:00:00Z or 7d",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_people_write_them() {
        let read = |text: &str| moment(Some(text)).unwrap().unwrap();
        assert_eq!(
            read("2026-01-31T08:00:00Z").to_string(),
            "2026-01-31T08:00:00Z"
        );
        let day = read("2026-01-31");
        assert_eq!(read("2026-01-31T00:00"), day);
        let week = SystemClock.wall().duration_since(read("7d"));
        assert!((week.as_hours() - 7 * 24).abs() <= 1, "{week}");
        assert_eq!(moment(None).unwrap(), None);
        for text in ["", "soon", "2026-13-01", "7 moons"] {
            let Failure(refusal) = moment(Some(text)).unwrap_err();
            assert_eq!(refusal.exit_code, 2, "{text}");
        }
    }
}
