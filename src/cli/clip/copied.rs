//! The clipboards that the system keeps: those of macOS and Windows. Nobody tells when they are
//! pasted from, so a password stays for its time.

use zeroize::Zeroizing;

use super::Over;

pub(super) const ONE_PASTE: &str = "";

/// The clipboard of this session, and what was put there.
pub(super) struct Clipboard {
    clipboard: arboard::Clipboard,
    ours: Zeroizing<String>,
}

impl Clipboard {
    pub(super) fn open() -> Result<Self, String> {
        let clipboard = arboard::Clipboard::new().map_err(|error| error.to_string())?;
        Ok(Self {
            clipboard,
            ours: Zeroizing::default(),
        })
    }

    /// Puts it there, marked as nothing for a history.
    pub(super) async fn offer(&mut self, secret: &[u8]) -> Result<Over, String> {
        let text = std::str::from_utf8(secret).map_err(|error| error.to_string())?;
        self.ours = Zeroizing::new(text.to_owned());
        let set = excluded(self.clipboard.set());
        set.text(text).map_err(|error| error.to_string())?;
        std::future::pending().await
    }

    /// Clears it, unless the user has copied something else.
    pub(super) fn clear(mut self) {
        let there = self.clipboard.get_text().map(Zeroizing::new);
        if there.is_ok_and(|there| there == self.ours) {
            let _gone_with_the_session = self.clipboard.clear();
        }
    }
}

#[cfg(target_os = "macos")]
fn excluded(set: arboard::Set<'_>) -> arboard::Set<'_> {
    use arboard::SetExtApple as _;
    set.exclude_from_history()
}

#[cfg(windows)]
fn excluded(set: arboard::Set<'_>) -> arboard::Set<'_> {
    use arboard::SetExtWindows as _;
    set.exclude_from_monitoring()
        .exclude_from_cloud()
        .exclude_from_history()
}
