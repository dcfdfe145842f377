//! Gives back memory that only start-up has used.
//!
//! It is here, and not where it is called, because it is unsafe code.

/// Lets go of the pages of this program's code. What is needed again is mapped again from the page
/// cache when it runs; parsing a command line and a configuration is not.
pub fn give_back_code() {
    #[cfg(all(target_os = "linux", not(miri)))]
    for (start, len) in code() {
        use rustix::mm::{Advice, madvise};
        // SAFETY: these are mappings of the program file that are executable and never writable,
        // so no page of them differs from the file, and dropping one changes nothing.
        #[expect(unsafe_code)]
        let given_back = unsafe { madvise(start, len, Advice::LinuxDontNeed) };
        if let Err(error) = given_back {
            tracing::debug!(%error, "the code stays in memory");
        }
    }
}

/// The executable mappings of the program file.
#[cfg(all(target_os = "linux", not(miri)))]
fn code() -> Vec<(*mut std::ffi::c_void, usize)> {
    let program = std::env::current_exe().unwrap_or_default();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mappings = maps.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        if fields.next()? != "r-xp" || std::path::Path::new(fields.nth(3)?) != program {
            return None;
        }
        let (start, end) = (
            usize::from_str_radix(start, 16).ok()?,
            usize::from_str_radix(end, 16).ok()?,
        );
        let pointer = std::ptr::with_exposed_provenance_mut(start);
        Some((pointer, end.checked_sub(start)?))
    });
    mappings.collect()
}
