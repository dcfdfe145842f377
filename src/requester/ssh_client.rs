//! The ssh that runs a program from its configuration (`Match exec`), and what it was started for.
//!
//! Enters: the processes above this one. Leaves: whether that ssh is going to log in, or only reads
//! its configuration, as editors and completions have it do all the time. What never happens here:
//! a login that is only supposed.

use super::process;

/// What ssh was started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To log in to a host.
    Login,
    /// Anything else: to show its configuration (`-G`), to talk to another ssh (`-O`), to say what
    /// it knows (`-Q`, `-V`), or nothing that it could do.
    Other,
}

/// What the nearest ssh above this process was started for; `None` if there is none, or if none can
/// be seen. Shells may be between: ssh runs what its configuration says by `$SHELL -c`.
#[must_use]
pub fn above() -> Option<Purpose> {
    let ssh = process::nearest_above("ssh")?;
    Some(purpose(&ssh))
}

/// What a command line of ssh is for, which begins with its own name.
///
/// Read as ssh(1) does: options until the first other word, which is the host; then options again,
/// until the command begins. `-P` has had an argument since OpenSSH 9.4 only, so both is tried, and
/// a login is one only if it is one in both.
#[must_use]
pub fn purpose<T: AsRef<[u8]>>(command: &[T]) -> Purpose {
    let command: Vec<&[u8]> = command.iter().map(AsRef::as_ref).collect();
    let is_login = |with_argument| read(&command, with_argument) == Some(Purpose::Login);
    if is_login(WITH_ARGUMENT) && is_login(WITH_ARGUMENT_SINCE_9_4) {
        Purpose::Login
    } else {
        Purpose::Other
    }
}

fn read(command: &[&[u8]], with_argument: &[u8]) -> Option<Purpose> {
    let rest = options(command.get(1..)?, with_argument)?;
    let (_host, rest) = match rest {
        Rest::Words(words) => words.split_first()?,
        // What follows the host is its command.
        Rest::Terminated(words) => {
            return words.first().map(|_host| Purpose::Login);
        }
    };
    options(rest, with_argument)?;
    Some(Purpose::Login)
}

/// What is left after options.
enum Rest<'a, 'b> {
    /// From the first word that is no option.
    Words(&'a [&'b [u8]]),
    /// After `--`.
    Terminated(&'a [&'b [u8]]),
}

/// Passes over options; `None` if one of them says that there is no login, or is none of ssh's.
fn options<'a, 'b>(words: &'a [&'b [u8]], with_argument: &[u8]) -> Option<Rest<'a, 'b>> {
    let mut left = words;
    while let Some((word, rest)) = left.split_first() {
        let letters = match word {
            [b'-', b'-'] => return Some(Rest::Terminated(rest)),
            [b'-', letters @ ..] if !letters.is_empty() => letters,
            _ => break,
        };
        left = rest;
        for (index, letter) in letters.iter().enumerate() {
            if NO_LOGIN.contains(letter) {
                return None;
            }
            if with_argument.contains(letter) {
                // The argument is the rest of the word, or else the next word.
                if index + 1 == letters.len() {
                    left = left.split_first()?.1;
                }
                break;
            }
            if !ALONE.contains(letter) {
                return None;
            }
        }
    }
    Some(Rest::Words(left))
}

/// Options that make no login, with and without an argument.
const NO_LOGIN: &[u8] = b"GOQV";
/// Options without an argument.
const ALONE: &[u8] = b"1246AaCfgKkMNnPqsTtvXxYy";
/// Options with one.
const WITH_ARGUMENT: &[u8] = b"BbcDEeFIiJLlmopRSWw";
const WITH_ARGUMENT_SINCE_9_4: &[u8] = b"BbcDEeFIiJLlmopPRSWw";

#[cfg(test)]
mod tests;
