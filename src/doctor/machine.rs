//! The agent's own process: what protects what it holds, and where it records.

use super::{Case, Finding};
use crate::harden;
use crate::house::House;
use crate::secret::locked;

/// Every check of it.
pub(super) fn all(house: &House) -> Vec<Finding> {
    let mut findings = vec![core_dumps(), memory(), record(house)];
    findings.extend(upstream(house));
    findings
}

/// Neither a core dump nor another process of the user's can read the agent.
fn core_dumps() -> Finding {
    let case = Case::of("core-dumps", "");
    if harden::holds() {
        return case.ok("the agent leaves no core dump, and no process of yours can read it");
    }
    case.failure(
        "the agent's memory can end up in a core dump, or be read by other processes of yours",
        "start it as `pimento agent`, which protects itself; nothing can turn that off",
    )
}

fn memory() -> Finding {
    let case = Case::of("memory", "");
    match locked::report().warning() {
        None => case.ok("keys and passwords are in memory that not even root can read"),
        Some(warning) => case.warning(
            warning,
            "why, and what it means: docs/decisions/0006-memory-for-keys.md",
        ),
    }
}

/// Nothing is released without its record, so one that cannot be written stops everything.
fn record(house: &House) -> Finding {
    let audit = &house.pipeline.audit;
    let case = Case::of("record", audit.path().display());
    match audit.sync() {
        Ok(()) => case.ok("the audit record is on disk"),
        Err(error) => case.failure(
            format!("the audit record cannot be written: {error}"),
            "free space on, or make writable, its folder",
        ),
    }
}

fn upstream(house: &House) -> Option<Finding> {
    let upstream = house.upstream.as_ref()?;
    let case = Case::of("upstream", upstream.path().display());
    Some(match upstream.problem() {
        None => case.ok("the agent behind this one has answered"),
        Some(problem) => case.warning(
            format!("the agent behind this one does not answer: {problem}"),
            "start it, or correct `upstream` of [agent]",
        ),
    })
}
