//! Gives back memory that only start-up has used.
//!
//! It is here, and not where it is called, because it is unsafe code.

/// Lets go of the pages of this program's code and constants. What is needed again is mapped again from the page
/// cache when it runs; parsing a command line and a configuration is not.
pub fn give_back_start_up() {
    #[cfg(all(target_os = "linux", not(miri)))]
    for (start, len) in start_up() {
        use rustix::mm::{Advice, madvise};
        // SAFETY: these are mappings of the program file that were never writable (relocations are
        // made in others), so no page of them differs from the file, and dropping one changes
        // nothing.
        #[expect(unsafe_code)]
        let given_back = unsafe { madvise(start, len, Advice::LinuxDontNeed) };
        if let Err(error) = given_back {
            tracing::debug!(%error, "what start-up used stays in memory");
        }
    }
}

/// The mappings of the program file that hold its code, and, from its beginning on, what is only
/// read: constants, and tables that the dynamic linker needs once.
#[cfg(all(target_os = "linux", not(miri)))]
fn start_up() -> Vec<(*mut std::ffi::c_void, usize)> {
    let program = std::env::current_exe().unwrap_or_default();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mappings = maps.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let (mode, offset) = (fields.next()?, fields.next()?);
        // Others that are only read now were written to when they were relocated.
        let unchanged =
            mode == "r-xp" || mode == "r--p" && offset.bytes().all(|digit| digit == b'0');
        if !unchanged || std::path::Path::new(fields.nth(2)?) != program {
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
