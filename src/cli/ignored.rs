//! The signals that a process ignores, as what was started by `nohup` or in the background does.

use std::fmt::Display;

use rustix::process::Signal;

/// What `/proc/PID/status` calls `SigIgn`; nothing where the system does not say.
pub(super) struct Ignored(u64);

impl Ignored {
    /// Those of a process, which is a number or `self`.
    pub(super) fn by(process: impl Display) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        Self(mask.unwrap_or(0))
    }

    pub(super) fn has(&self, signal: Signal) -> bool {
        // Bit 0 is signal 1.
        self.0 & (1 << (signal.as_raw() - 1)) != 0
    }
}
