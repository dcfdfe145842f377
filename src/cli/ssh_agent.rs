//! `pimento ssh-agent`: an agent without a configuration, with the command line of OpenSSH's.
//!
//! Holds the keys that clients add and nothing else: no vault, no record, no control socket. What
//! it prints is for `eval`, so it is what ssh-agent(1) prints, to the letter.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;

use super::Failure;
use crate::refusal::ExitCode;

mod process;
mod serve;

#[derive(Debug, clap::Args)]
#[command(disable_version_flag = true)]
pub(super) struct Args {
    /// Listen on this socket [default: one in a new folder in $TMPDIR, or /tmp]
    #[arg(short = 'a', value_name = "SOCKET")]
    address: Option<PathBuf>,
    /// Print commands for a C shell [default if $SHELL is one]
    #[arg(short = 'c', conflicts_with = "bourne")]
    csh: bool,
    /// Print commands for a Bourne shell
    #[arg(short = 's')]
    bourne: bool,
    /// Stay in the foreground
    #[arg(short = 'D', conflicts_with = "debug")]
    foreground: bool,
    /// Stay in the foreground and log to stderr
    #[arg(short = 'd')]
    debug: bool,
    /// Which hash fingerprints have in questions and logs; there is only this one
    #[arg(short = 'E', value_name = "HASH")]
    fingerprint_hash: Option<Hash>,
    /// End the agent of $SSH_AGENT_PID
    #[arg(short = 'k', conflicts_with_all = ["address", "command", "foreground", "debug"])]
    kill: bool,
    /// upstream=SOCKET: pass requests for other keys on to that agent. no-restrict-websafe,
    /// websafe-allow=LIST and allow-remote-pkcs11 are taken and change nothing: they are about
    /// FIDO and PKCS#11 keys, which this agent refuses
    #[arg(short = 'O', value_name = "OPTION", value_parser = option)]
    options: Vec<AgentOption>,
    /// Which PKCS#11 and FIDO providers are allowed; none is ever loaded
    #[arg(short = 'P', value_name = "PATTERNS")]
    providers: Option<String>,
    /// How long keys are held that are added without a lifetime: seconds, or such as 1h30m
    #[arg(short = 't', value_name = "LIFE", value_parser = lifetime)]
    lifetime: Option<Duration>,
    /// For the process in the background: end when this process has ended
    #[arg(long, hide = true, value_name = "PID")]
    with: Option<i32>,
    /// For the process in the background: leave the terminal
    #[arg(long, hide = true)]
    detached: bool,
    /// Run this with the agent, and end the agent when it ends
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Hash {
    Sha256,
}

/// What `-O` says.
#[derive(Clone, Debug)]
enum AgentOption {
    /// About keys that are never held.
    Ignored,
    Upstream(PathBuf),
}

pub(super) fn run(args: Args) -> Result<ExitCode, Failure> {
    if args.kill {
        return kill(Shell::of(&args));
    }
    if args.detached || args.foreground || args.debug {
        return serve::run(&args);
    }
    background(args)
}

/// Starts the agent as a process of its own, and prints how to reach it or runs the command.
fn background(args: Args) -> Result<ExitCode, Failure> {
    let parent = (!args.command.is_empty()).then(std::process::id);
    let mut agent = process::start(&args, parent)?;
    let shell = Shell::of(&args);
    let Some((program, rest)) = args.command.split_first() else {
        shell.set("SSH_AUTH_SOCK", &agent.socket);
        shell.set("SSH_AGENT_PID", &agent.pid.to_string());
        shell.say(&format!("Agent pid {}", agent.pid));
        return Ok(ExitCode::Done);
    };
    let mut command = Command::new(program);
    command
        .args(rest)
        .env("SSH_AUTH_SOCK", &agent.socket)
        .env("SSH_AGENT_PID", agent.pid.to_string());
    // Takes the place of this process, so that its exit code and signals are the command's own.
    let error = process::become_command(&mut command);
    agent.end();
    let program = program.to_string_lossy();
    Err(Failure::failed(format!("{program} cannot be run: {error}")))
}

fn kill(shell: Shell) -> Result<ExitCode, Failure> {
    let missing = |_| Failure::failed("SSH_AGENT_PID is not set, so there is no agent to end");
    let pid = std::env::var("SSH_AGENT_PID").map_err(missing)?;
    process::end(&pid)?;
    shell.unset("SSH_AUTH_SOCK");
    shell.unset("SSH_AGENT_PID");
    shell.say(&format!("Agent pid {pid} killed"));
    Ok(ExitCode::Done)
}

/// For whom commands are printed.
#[derive(Clone, Copy, Debug)]
enum Shell {
    Bourne,
    C,
}

#[expect(
    clippy::print_stdout,
    reason = "the shell that evaluates it reads stdout"
)]
impl Shell {
    fn of(args: &Args) -> Self {
        let shell = || std::env::var("SHELL").unwrap_or_default();
        if args.csh || (!args.bourne && shell().ends_with("csh")) {
            Self::C
        } else {
            Self::Bourne
        }
    }

    fn set(self, name: &str, value: &str) {
        match self {
            Self::Bourne => println!("{name}={value}; export {name};"),
            Self::C => println!("setenv {name} {value};"),
        }
    }

    fn unset(self, name: &str) {
        match self {
            Self::Bourne => println!("unset {name};"),
            Self::C => println!("unsetenv {name};"),
        }
    }

    fn say(self, text: &str) {
        println!("echo {text};");
    }
}

/// Seconds, or a sum of numbers with units, as sshd_config(5) writes times: `90`, `1h30m`, `2w`.
fn lifetime(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; write seconds, or such as 1h30m");
    let mut total = 0u64;
    let mut number = None::<u64>;
    for character in text.chars() {
        if let Some(digit) = character.to_digit(10) {
            let so_far = number.unwrap_or(0).checked_mul(10).ok_or_else(wrong)?;
            number = Some(so_far.checked_add(digit.into()).ok_or_else(wrong)?);
            continue;
        }
        let unit = match character.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return Err(wrong()),
        };
        let count = number.take().ok_or_else(wrong)?;
        total = count
            .checked_mul(unit)
            .and_then(|more| total.checked_add(more))
            .ok_or_else(wrong)?;
    }
    let total = total.checked_add(number.unwrap_or(0)).ok_or_else(wrong)?;
    if total == 0 || u32::try_from(total).is_err() {
        return Err(wrong());
    }
    Ok(Duration::from_secs(total))
}

fn option(text: &str) -> Result<AgentOption, String> {
    match text.split_once('=') {
        Some(("upstream", socket)) if !socket.is_empty() => {
            Ok(AgentOption::Upstream(socket.into()))
        }
        Some(("websafe-allow", _)) => Ok(AgentOption::Ignored),
        None if matches!(text, "no-restrict-websafe" | "allow-remote-pkcs11") => {
            Ok(AgentOption::Ignored)
        }
        _ => Err("there is no such option".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_seconds_or_a_sum_of_units() {
        for (text, seconds) in [("10", 10), ("1h30m", 5400), ("2W", 1_209_600), ("1m5", 65)] {
            assert_eq!(lifetime(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn no_lifetime_and_an_endless_one_are_refused() {
        for text in [
            "",
            "0",
            "h",
            "1y",
            "-1",
            "1.5h",
            "99999999999",
            "99999999999999999999w",
        ] {
            assert!(lifetime(text).is_err(), "{text}");
        }
    }

    #[test]
    fn options_for_keys_that_are_never_held_are_taken_and_others_refused() {
        for text in [
            "no-restrict-websafe",
            "allow-remote-pkcs11",
            "websafe-allow=ssh:*",
        ] {
            assert!(matches!(option(text), Ok(AgentOption::Ignored)), "{text}");
        }
        assert!(matches!(
            option("upstream=/run/x"),
            Ok(AgentOption::Upstream(_))
        ));
        for text in ["", "upstream=", "upstream", "confirm"] {
            assert!(option(text).is_err(), "{text}");
        }
    }
}
