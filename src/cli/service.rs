//! `pimento service`: has the system start the agent, for those without a package.

#[cfg(any(target_os = "macos", test))]
mod launchd;
#[cfg(any(target_os = "macos", windows, test))]
mod step;
#[cfg(any(windows, test))]
mod task;

/// What was done or found: a line for a person each.
struct Told(Vec<String>);
