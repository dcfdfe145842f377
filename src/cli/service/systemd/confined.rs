//! The agent as a unit of the system's systemd, `pimento@UID.service`, which an administrator enables
//! for a user. It can confine the agent as a user's systemd cannot
//! (docs/decisions/0009-what-confines-the-agent.md).
//!
//! What never happens here: it is turned on or off, which is not the user's to do.

use std::path::PathBuf;

/// The unit that is enabled for this user.
pub(super) struct Confined {
    uid: u32,
}

impl Confined {
    /// Where an administrator has enabled it, that is where the units of users stand back too (their
    /// `ConditionPathExists=`).
    pub(super) fn here() -> Option<Self> {
        let uid = rustix::process::geteuid().as_raw();
        let unit = Self { uid };
        // A link, which leads to where a package has the unit.
        unit.link().is_symlink().then_some(unit)
    }

    pub(super) fn name(&self) -> String {
        format!("pimento@{}.service", self.uid)
    }

    fn link(&self) -> PathBuf {
        PathBuf::from(format!(
            "/etc/systemd/system/user@{}.service.wants/{}",
            self.uid,
            self.name()
        ))
    }

    /// How an administrator ends it.
    pub(super) fn told(&self) -> String {
        let name = self.name();
        format!(
            "the system's {name} runs the agent; an administrator can end that: \
             `sudo systemctl disable --now {name}`"
        )
    }
}
