//! Memory for secrets: locked, out of every dump, and where the kernel can do it, unreadable from
//! outside of this process even for root.
//!
//! Enters: secret bytes, and every allocation of AWS-LC once [`install`] was called, so that key
//! objects and the numbers a signature is made from live here as well. Leaves: slices, to the
//! owner of a block. What never happens here: a block given back without being wiped, a page
//! without guard pages around it, an allocation refused because the better memory is used up
//! (it is taken from the next best, and [`Report`] tells).
//!
//! This module and those below it are the only ones with `unsafe` code.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use footprint::give_back_start_up;
use heap::Heap;
pub use hooks::install;
pub use pages::Protection;

mod footprint;
mod heap;
mod hooks;
mod pages;

/// Bytes in protected memory; wiped when dropped.
pub struct LockedBytes {
    start: NonNull<u8>,
    len: usize,
}

impl LockedBytes {
    /// A copy of `bytes`. The original is the caller's to wipe.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        let Some(start) = heap().allocate(bytes.len()) else {
            // The same end as that of any `Vec` which finds no memory.
            std::alloc::handle_alloc_error(std::alloc::Layout::for_value(bytes));
        };
        // SAFETY: the block is new, so it overlaps nothing, and holds at least `bytes.len()` bytes.
        #[expect(unsafe_code)]
        unsafe {
            start.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len());
        }
        Self {
            start,
            len: bytes.len(),
        }
    }
}

impl Deref for LockedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the block is ours until we are dropped, its first `len` bytes were written when
        // it was made, and nothing writes to it while we lend it out.
        #[expect(unsafe_code)]
        unsafe {
            std::slice::from_raw_parts(self.start.as_ptr(), self.len)
        }
    }
}

impl Drop for LockedBytes {
    fn drop(&mut self) {
        // SAFETY: `start` came from this heap's `allocate` and is released only here.
        #[expect(unsafe_code)]
        unsafe {
            heap().release(self.start);
        }
    }
}

// SAFETY: a block belongs to one owner and its bytes do not change after it was made.
#[expect(unsafe_code)]
unsafe impl Send for LockedBytes {}
// SAFETY: as above: shared references can only read.
#[expect(unsafe_code)]
unsafe impl Sync for LockedBytes {}

/// How much memory for secrets there is, by protection, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Unreadable from outside, even for root (`memfd_secret(2)`).
    pub secret: usize,
    /// Never swapped out and in no dump; root can read it.
    pub locked: usize,
    /// In no dump, but it may be swapped out.
    pub plain: usize,
}

impl Report {
    /// What the user should know and do; nothing where all of it is as good as it gets.
    #[must_use]
    pub fn warning(self) -> Option<String> {
        if self.plain > 0 {
            return Some(format!(
                "{} KiB of keys and passwords are in memory that may be swapped out, because the \
                 limit of locked memory is used up; raise it (`ulimit -l`, or LimitMEMLOCK= of the \
                 service) and start the agent again",
                self.plain / 1024
            ));
        }
        (self.locked > 0).then(|| {
            format!(
                "{} KiB of keys and passwords are in locked memory that root can read, because \
                 memfd_secret is not available here (Linux 5.14, or secretmem.enable=1 before 6.5) or its \
                 limit, `ulimit -l`, is used up",
                self.locked / 1024
            )
        })
    }
}

/// How the memory for secrets is protected now.
#[must_use]
pub fn report() -> Report {
    heap().report()
}

impl fmt::Debug for LockedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedBytes")
    }
}

// A poisoned lock would mean a panic inside the allocator, which has none.
fn heap() -> MutexGuard<'static, Heap> {
    HEAP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One for the process, because AWS-LC takes one allocator for the process.
static HEAP: Mutex<Heap> = Mutex::new(Heap::new());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_went_in() {
        for len in [0, 1, 16, 17, 500, 70_000] {
            let bytes: Vec<u8> = (0..len).map(|n| n as u8).collect();
            assert_eq!(*LockedBytes::copy_of(&bytes), bytes[..]);
        }
    }

    #[test]
    fn memory_that_root_can_read_is_told_of() {
        let best = Report {
            secret: 4096,
            ..Report::default()
        };
        assert_eq!(best.warning(), None);
        let locked = Report {
            locked: 4096,
            ..best
        };
        assert!(locked.warning().unwrap().contains("root can read"));
        let plain = Report {
            plain: 8192,
            ..locked
        };
        assert!(plain.warning().unwrap().starts_with("8 KiB"));
    }
}
