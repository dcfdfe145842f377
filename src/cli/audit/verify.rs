//! `pimento audit verify`: whether the chain of a record holds.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::Failure;
use super::super::output::Output;
use super::super::paint::Paint;
use super::super::show::time;
use crate::audit::{self, Damage, Problem, Whole};
use crate::refusal::ExitCode;

/// Which records.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Records, such as copies [default: the one that the agent writes]
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

/// Checks each file; ends with 1 if one of them is damaged or cannot be read.
pub(super) fn verify(files: &[PathBuf], output: &Output) -> ExitCode {
    let (mut lines, mut values, mut sound) = (Vec::new(), Vec::new(), true);
    for file in files {
        match checked(file) {
            Ok(Ok(whole)) => {
                lines.push(told(file, &whole, output.paint()));
                values.push(whole_json(file, &whole));
            }
            Ok(Err(damage)) => {
                sound = false;
                lines.push(damaged(file, &damage, output.paint()));
                values.push(damage_json(file, &damage));
            }
            Err(Failure(refusal)) => {
                sound = false;
                let bad = output.paint().bad("UNREADABLE");
                lines.push(format!("{bad}  {}\n  {}", refusal.message, refusal.advice));
                values.push(json!({
                    "file": file.display().to_string(), "sound": false, "lines": null, "from": null,
                    "to": null, "head": null, "line": null, "problem": refusal.message,
                }));
            }
        }
    }
    output.result(&lines.join("\n"), &json!(values));
    if sound {
        output.hint(
            "pimento: a chain cannot show that its last lines were cut off: compare the number of \
             lines and the head with a copy on another machine, or with Key Vault's log",
        );
        return ExitCode::Done;
    }
    ExitCode::Failed
}

fn checked(file: &Path) -> Result<Result<Whole, Damage>, Failure> {
    Ok(audit::verify(BufReader::new(super::open(file)?)))
}

fn told(file: &Path, whole: &Whole, paint: Paint) -> String {
    let sound = format!("{}  {}", paint.good("sound"), file.display());
    let (Some(from), Some(to)) = (&whole.from, &whole.to) else {
        return format!("{sound}\n  no lines yet");
    };
    format!(
        "{sound}\n  {} lines, {} to {}\n  head {}",
        whole.lines,
        time(from),
        time(to),
        whole.head
    )
}

fn damaged(file: &Path, damage: &Damage, paint: Paint) -> String {
    let meaning = match damage.problem {
        Problem::Cut => {
            "the agent was killed while it wrote it, or writes it just now; nothing was released by \
             it, and the next start removes it"
        }
        Problem::Unreadable(_) => "the disk, or what it is mounted from, knows more",
        _ => {
            "somebody or something has changed the record: keep the file as it is, and compare it \
             with a copy on another machine and with Key Vault's log"
        }
    };
    format!(
        "{}  {}\n  {damage}\n  {meaning}",
        paint.bad("DAMAGED"),
        file.display()
    )
}

fn whole_json(file: &Path, whole: &Whole) -> Value {
    json!({
        "file": file.display().to_string(),
        "sound": true,
        "lines": whole.lines,
        "from": whole.from,
        "to": whole.to,
        "head": Some(&whole.head).filter(|head| !head.is_empty()),
        "line": null,
        "problem": null,
    })
}

fn damage_json(file: &Path, damage: &Damage) -> Value {
    json!({
        "file": file.display().to_string(),
        "sound": false,
        "lines": null,
        "from": null,
        "to": null,
        "head": null,
        "line": damage.line,
        "problem": damage.problem.to_string(),
    })
}
