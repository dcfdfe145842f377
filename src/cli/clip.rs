//! `pimento password NAME --clip`: a password on the clipboard, for one paste or for a while.
//!
//! Enters: a password, once there is a clipboard to put it on. Leaves: it, to whoever pastes first.
//! What never happens here: a word on stdout, a password left behind, or something else that the
//! user has copied meanwhile taken away. This process serves the clipboard, in the foreground: that
//! it still runs is how the user sees that the password can still be pasted.

use std::time::Duration;

use jiff::SignedDuration;

use super::Failure;
use super::output::Output;
use super::password::Released;
use super::stop::Stop;
use crate::clock::{Clock, SystemClock};
use crate::refusal::ExitCode;

#[cfg(all(feature = "clipboard", any(target_os = "macos", windows)))]
use copied as system;
#[cfg(not(feature = "clipboard"))]
use none as system;
#[cfg(all(feature = "clipboard", unix, not(target_os = "macos")))]
use served as system;

#[cfg(all(feature = "clipboard", any(target_os = "macos", windows)))]
mod copied;
#[cfg(all(feature = "clipboard", unix, not(target_os = "macos")))]
mod served;
#[cfg(all(feature = "clipboard", unix, not(target_os = "macos")))]
mod wayland;
#[cfg(all(feature = "clipboard", unix, not(target_os = "macos")))]
mod x11;

/// Whether the clipboard is wanted, and for how long.
#[derive(Clone, Copy, Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Put it on the clipboard instead, for one paste
    #[arg(long, conflicts_with_all = ["json", "reveal"])]
    clip: bool,
    /// How long it can be pasted [default: 45s]
    #[arg(long, value_name = "SPAN", requires = "clip")]
    clear_after: Option<SignedDuration>,
}

/// Why a password is no longer on the clipboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// It was pasted.
    #[cfg_attr(
        any(not(feature = "clipboard"), target_os = "macos", windows),
        expect(dead_code, reason = "cannot be told")
    )]
    Pasted,
    /// The user has copied something else.
    #[cfg_attr(
        any(not(feature = "clipboard"), target_os = "macos", windows),
        expect(dead_code, reason = "cannot be told")
    )]
    Replaced,
    /// One of the two: Wayland's library tells them as one.
    #[cfg_attr(
        any(not(feature = "clipboard"), target_os = "macos", windows),
        expect(dead_code, reason = "cannot be told")
    )]
    PastedOrReplaced,
}

/// A clipboard to put a password on.
pub(super) struct Clip {
    clipboard: system::Clipboard,
    span: Duration,
}

impl Args {
    /// The clipboard, if it is wanted; asked for before anything is opened for it.
    pub(super) fn clip(self) -> Result<Option<Clip>, Failure> {
        if !self.clip {
            return Ok(None);
        }
        let span = self.clear_after.map_or(Ok(USUAL), Duration::try_from);
        let span = span.ok().filter(|span| !span.is_zero()).ok_or_else(|| {
            Failure::new(
                "usage",
                ExitCode::Usage,
                "--clear-after is not a span of time",
                "for example --clear-after 45s",
            )
        })?;
        let clipboard = system::Clipboard::open().map_err(no_clipboard)?;
        Ok(Some(Clip { clipboard, span }))
    }
}

impl Clip {
    /// Holds the password there until it is pasted, replaced or taken back, its time is up, or its
    /// window ends.
    pub(super) async fn holds(
        self,
        output: &Output,
        released: Released,
    ) -> Result<ExitCode, Failure> {
        let left = Duration::from_secs(released.facts.seconds_left);
        let span = self.span.min(left);
        let stop = Stop::of_terminal().map_err(|error| Failure::failed(error.to_string()))?;
        let name = &released.facts.credential;
        output.hint(&format!(
            "pimento: {name} is on the clipboard for {}{} s (Ctrl-C takes it back)",
            system::ONE_PASTE,
            span.as_secs()
        ));
        let mut clipboard = self.clipboard;
        let over = tokio::select! {
            over = clipboard.offer(&released.password) => {
                Some(over.map_err(|why| Failure::failed(format!("the clipboard is gone: {why}")))?)
            }
            () = SystemClock.sleep(span) => None,
            () = stop.asked() => None,
        };
        clipboard.clear();
        output.hint(match over {
            Some(Over::Pasted) => "pimento: pasted; it is not on the clipboard any more",
            Some(Over::Replaced) => "pimento: something else is on the clipboard",
            Some(Over::PastedOrReplaced) => {
                "pimento: it was pasted, or something else was copied; it is not on the clipboard any more"
            }
            None => "pimento: it is not on the clipboard any more",
        });
        Ok(ExitCode::Done)
    }
}

fn no_clipboard(why: String) -> Failure {
    Failure::new(
        "no_clipboard",
        ExitCode::Failed,
        format!("there is no clipboard to put it on: {why}"),
        "use --clip in a graphical session, or send the password to a program's standard input",
    )
}

/// Enough to go to a window and paste.
const USUAL: Duration = Duration::from_secs(45);

/// A build without clipboards.
#[cfg(not(feature = "clipboard"))]
mod none {
    use super::Over;

    pub(super) const ONE_PASTE: &str = "";

    pub(super) struct Clipboard;

    impl Clipboard {
        pub(super) fn open() -> Result<Self, String> {
            Err("this pimento was built without the feature `clipboard`".to_owned())
        }

        pub(super) async fn offer(&mut self, _: &[u8]) -> Result<Over, String> {
            std::future::pending().await
        }

        pub(super) fn clear(self) {}
    }
}
