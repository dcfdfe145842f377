//! `pimento audit tail`: the last lines, and those that come.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::super::Failure;
use super::super::output::Output;
use super::{line, open, unreadable, written};
use crate::refusal::ExitCode;

/// Which lines.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// How many
    #[arg(short = 'n', long, default_value_t = 10)]
    lines: usize,
    /// Go on with what comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
}

/// Prints them in words; with `--json` each as it is.
pub(super) async fn tail(args: Args, path: &Path, output: &Output) -> Result<ExitCode, Failure> {
    let mut file = open(path)?;
    let broken = |error: io::Error| unreadable(path, &error);
    let mut at = start(&mut file, args.lines).map_err(broken)?;
    loop {
        file.seek(SeekFrom::Start(at)).map_err(broken)?;
        let (lines, read) = whole_lines(&file).map_err(broken)?;
        at += read;
        let shown = show(&lines, output);
        let gone = matches!(&shown, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
        written(shown)?;
        if !args.follow || gone {
            return Ok(ExitCode::Done);
        }
        tokio::time::sleep(LOOK).await;
        let now = open(path)?;
        if now.metadata().map_err(broken)?.len() < at {
            // A line that was torn by a crash has been cut off, or this is another file.
            at = now.metadata().map_err(broken)?.len();
        }
        file = now;
    }
}

/// Where the last `lines` lines begin; found from the end, however long the file is.
fn start(file: &mut File, lines: usize) -> io::Result<u64> {
    let mut at = file.metadata()?.len();
    let mut block = Vec::new();
    // The line break of the last line ends nothing that comes after it.
    let mut wanted = lines.saturating_add(1);
    while at > 0 {
        let from = at.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(from))?;
        block.clear();
        Read::by_ref(file).take(at - from).read_to_end(&mut block)?;
        let mut breaks = block.iter().enumerate().rev();
        while let Some((index, _)) = breaks.find(|(_, byte)| **byte == b'\n') {
            wanted -= 1;
            if wanted == 0 {
                return Ok(from + index as u64 + 1);
            }
        }
        at = from;
    }
    Ok(0)
}

/// The lines from here on that have an end, and how long they are together.
fn whole_lines(file: &File) -> io::Result<(Vec<Vec<u8>>, u64)> {
    let (mut lines, mut read) = (Vec::new(), 0);
    let mut reader = BufReader::new(file);
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok((lines, read));
        }
        read += line.len() as u64;
        line.pop();
        lines.push(line);
    }
}

fn show(lines: &[Vec<u8>], output: &Output) -> io::Result<()> {
    let mut out = output.stream();
    for bytes in lines {
        match serde_json::from_slice::<Value>(bytes) {
            Ok(_) if output.is_json() => out.write_all(bytes)?,
            Ok(fields) => out.write_all(line::words(&fields, output.paint()).as_bytes())?,
            Err(_) => {
                output.hint("pimento: a line is not JSON: `pimento audit verify` tells which");
                continue;
            }
        }
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How much is read at a time while looking for the beginning.
const BLOCK: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn tail_of(text: &str, lines: usize) -> Vec<String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let at = start(&mut file, lines).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        let (lines, _) = whole_lines(&file).unwrap();
        lines
            .into_iter()
            .map(|line| String::from_utf8(line).unwrap())
            .collect()
    }

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        assert_eq!(tail_of("a\nb\nc\n", 2), ["b", "c"]);
        assert_eq!(tail_of("a\nb\nc\n", 9), ["a", "b", "c"]);
        assert_eq!(tail_of("a\n", 0), [""; 0]);
        assert_eq!(tail_of("", 3), [""; 0]);
        let long = "x".repeat(100_000);
        assert_eq!(
            tail_of(&format!("a\n{long}\nb\n"), 2),
            [long, "b".to_owned()]
        );
    }

    #[test]
    fn a_line_that_is_being_written_is_left_for_the_next_look() {
        assert_eq!(tail_of("a\nb\n{\"ev", 1), ["b"]);
        assert_eq!(tail_of("{\"ev", 1), [""; 0]);
    }
}
