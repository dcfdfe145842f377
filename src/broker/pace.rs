//! How long the cloud usually takes until a window can be used, by window.
//!
//! Enters: what was measured. Leaves: what to expect. Kept in the state folder, so that the first
//! opening of a day knows it too; a file that is missing or damaged is one that nothing is known
//! from. What never happens here: a decision by it, or a secret.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::catalog::WindowSpec;
use crate::file::{self, Readers};

/// What was measured.
#[derive(Debug, Default)]
pub struct Pace {
    /// Where it is kept; nowhere in tests.
    file: Option<PathBuf>,
    /// Seconds, the latest last, by tenant and window.
    measured: Mutex<Measured>,
}

type Measured = BTreeMap<String, Vec<u32>>;

impl Pace {
    /// What is kept in `folder`.
    #[must_use]
    pub fn kept_in(folder: &Path) -> Self {
        let file = folder.join(FILE);
        let measured = fs::read(&file).ok().and_then(|text| parse(&text));
        Self {
            file: Some(file),
            measured: Mutex::new(measured.unwrap_or_default()),
        }
    }

    /// How long it usually takes with `window`; `None` if that is not known, or not worth telling.
    pub(super) fn usual(&self, window: &WindowSpec) -> Option<Duration> {
        let measured = self.measured();
        let mut sorted = measured.get(&key(window))?.clone();
        sorted.sort_unstable();
        let median = *sorted.get(sorted.len() / 2)?;
        (median > UNNOTICED).then(|| Duration::from_secs(median.into()))
    }

    /// Takes note of one opening.
    pub(super) fn took(&self, window: &WindowSpec, span: Duration) {
        let seconds = u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        let mut measured = self.measured();
        let of = measured.entry(key(window)).or_default();
        of.push(seconds);
        let older = of.len().saturating_sub(KEPT);
        of.drain(..older);
        let text = serde_json::to_vec(&*measured).unwrap_or_default();
        drop(measured);
        if let Some(Err(error)) = self
            .file
            .as_deref()
            .map(|file| file::replace_soon(file, &text, Readers::Owner))
        {
            tracing::info!(%error, "how long an opening took cannot be kept");
        }
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(window: &WindowSpec) -> String {
    format!("{}/{}", window.tenant.name, window.name)
}

/// `None` for anything but lists of seconds; what is too much is left out.
fn parse(text: &[u8]) -> Option<Measured> {
    let mut measured: Measured = serde_json::from_slice(text).ok()?;
    measured.retain(|_, seconds| (1..=KEPT).contains(&seconds.len()));
    (measured.len() <= MOST).then_some(measured)
}

const FILE: &str = "pace.json";

/// Openings that count: a tenant that got faster is believed soon.
const KEPT: usize = 9;

/// Windows that are kept; nobody has as many.
const MOST: usize = 1000;

/// Seconds that nobody asks about.
const UNNOTICED: u32 = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::testing::vault;

    fn took(pace: &Pace, seconds: &[u64]) {
        let window = &vault("ops").window;
        seconds
            .iter()
            .for_each(|it| pace.took(window, Duration::from_secs(*it)));
    }

    #[test]
    fn the_usual_time_is_the_median_of_the_latest() {
        let (pace, window) = (Pace::default(), &vault("ops").window);
        assert_eq!(pace.usual(window), None);
        took(&pace, &[40, 300, 38]);
        assert_eq!(pace.usual(window), Some(Duration::from_secs(40)));
        took(&pace, &[9; KEPT]);
        assert_eq!(pace.usual(window), Some(Duration::from_secs(9)));
        took(&pace, &[1; KEPT]);
        assert_eq!(pace.usual(window), None, "not worth telling");
        assert_eq!(pace.usual(&vault("db").window), None);
    }

    #[cfg(unix)]
    #[test]
    fn it_is_kept_for_the_next_start_and_readable_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        took(&Pace::kept_in(folder.path()), &[40]);
        let again = Pace::kept_in(folder.path());
        let usual = again.usual(&vault("ops").window);
        assert_eq!(usual, Some(Duration::from_secs(40)));
        let file = folder.path().join(FILE);
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(file).unwrap();
        assert_eq!(text, "{\"contoso/ops\":[40]}");
    }

    #[test]
    fn a_damaged_file_is_one_that_nothing_is_known_from() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "",
            "[1]",
            "{\"contoso/ops\":\"x\"}",
            "{\"contoso/ops\":[-1]}",
            "{\"a\"",
        ] {
            fs::write(folder.path().join(FILE), text).unwrap();
            let pace = Pace::kept_in(folder.path());
            assert_eq!(pace.usual(&vault("ops").window), None, "{text}");
            took(&pace, &[40]);
            assert!(pace.usual(&vault("ops").window).is_some());
        }
        let nowhere = Pace::kept_in(Path::new("/nonexistent"));
        took(&nowhere, &[40]);
        assert!(nowhere.usual(&vault("ops").window).is_some());
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in any::<Vec<u8>>()) {
            let _parsed = parse(&text).is_some();
        }
    }
}
