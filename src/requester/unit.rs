//! The unit of systemd that a process belongs to.
//!
//! Enters: a process id, and a unit that somebody names. Leaves: whether the kernel counts the
//! process to it. A unit is a group of processes (`cgroups(7)`); a process of the system's units
//! cannot put itself into another one without root's rights, one of the user's units can move
//! among those of the same user.

use std::fs;

/// Whether process `pid` is one of `unit`: of that one itself, not of one further up.
pub(super) fn holds(unit: &str, pid: u32) -> bool {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    innermost(&groups).is_some_and(|found| found == unit)
}

/// The innermost unit in what `cgroup` of `proc(5)` says. A service may have groups of its own
/// below its unit's, with other names.
fn innermost(groups: &str) -> Option<&str> {
    let path = |line: &'_ str| -> Option<usize> {
        let mut fields = line.splitn(3, ':');
        let (_, controllers) = (fields.next()?, fields.next()?);
        // Version 2, or systemd's own hierarchy of version 1.
        matches!(controllers, "" | "name=systemd").then_some(line.len() - fields.next()?.len())
    };
    groups.lines().find_map(|line| {
        let parts = line.get(path(line)?..)?.rsplit('/');
        // What could be taken for a file of the kernel's has a `_` before it.
        let mut names = parts.map(|part| part.strip_prefix('_').unwrap_or(part));
        names.find(|name| RUN.iter().any(|kind| name.ends_with(kind)))
    })
}

/// The kinds of unit that run programs.
const RUN: [&str; 4] = [".mount", ".service", ".socket", ".swap"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_unit_counts() {
        for (groups, unit) in [
            ("0::/system.slice/backup.service\n", "backup.service"),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/backup.service",
                "backup.service",
            ),
            ("0::/system.slice/a.service/.control", "a.service"),
            ("0::/system.slice/a.service/worker", "a.service"),
            ("0::/system.slice/_cpu.service", "cpu.service"),
            ("0::/../../system.slice/a.service", "a.service"),
            (
                "2:cpu:/x.service\n1:name=systemd:/system.slice/a.service\n0::/\n",
                "a.service",
            ),
            (
                "9:name=systemd:/\n0::/app.slice/probe.service\n",
                "probe.service",
            ),
        ] {
            assert_eq!(innermost(groups), Some(unit), "{groups}");
        }
    }

    #[test]
    fn a_process_of_no_service_has_no_unit() {
        for groups in [
            "",
            "0::/",
            "0::/init.scope",
            "0::/user.slice/user-1000.slice/session-3.scope",
            "3:cpu:/system.slice/a.service\n0::/",
            "a.service",
            "0:/a.service",
        ] {
            assert_eq!(innermost(groups), None, "{groups}");
        }
    }

    #[test]
    fn this_process_is_of_no_unit_that_somebody_thinks_of() {
        assert!(!holds("backup.service", std::process::id()));
        assert!(!holds("", u32::MAX));
    }
}
