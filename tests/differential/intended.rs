//! Where ours answers otherwise than OpenSSH 9.2 on purpose. Anything else that differs is a bug.

use crate::Heard;
use crate::material::KEYS;
use crate::script::{Damage, Request};
use crate::ssh_agent::client::Answer;

/// Names the intended difference that explains two answers, if one does.
pub(crate) fn intended(request: &Request, stock: &Heard, ours: &Heard) -> Option<&'static str> {
    let refused = *ours == Some(Answer::Failure);
    match request {
        Request::Add(add) if refused && add.key >= KEYS => {
            Some("DSA, and RSA below 2048 bits, are broken or about to be: not taken")
        }
        Request::Add(add) if refused && !matches!(add.damage, Damage::None) => Some(
            "a key whose halves do not belong together signs nothing anybody verifies: not taken",
        ),
        Request::Add(add) if refused && add.is_oddly_restricted() => {
            Some("a destination that is no text, or has a key nobody can read: not taken")
        }
        Request::Add(add) if refused && add.certificate_of.is_some_and(|it| it != add.key) => {
            Some("a certificate of another key: not taken")
        }
        Request::Sign { flags, .. } if refused && flags & !6 != 0 => {
            Some("RFC 9987 section 5.6: flags that nobody has defined fail the request")
        }
        Request::Sign { trailing, .. } | Request::List { trailing }
            if refused && !trailing.is_empty() =>
        {
            Some("a request with bytes behind its end is not what RFC 9987 describes: refused")
        }
        Request::Extension { name: "query", .. } if *stock == Some(Answer::Failure) => {
            Some("RFC 9987 section 5.8.1, which OpenSSH 9.2 is older than: query is answered")
        }
        Request::Bind(_)
        | Request::Extension {
            name: "session-bind@openssh.com",
            ..
        } if *stock == Some(Answer::Failure) && *ours == Some(Answer::ExtensionFailure) => {
            Some("RFC 9987 section 5.8: a known extension that failed says EXTENSION_FAILURE")
        }
        _ => None,
    }
}
