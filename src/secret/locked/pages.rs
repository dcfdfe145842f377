//! Whole pages from the kernel, with a guard page on either side.

use std::io;
use std::ptr::NonNull;

/// How pages are kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Protection {
    /// Taken out of the kernel's own map of memory (`memfd_secret(2)`): neither another process,
    /// nor root's `/proc/PID/mem`, nor a core dump shows it. Locked, too.
    Secret,
    /// Locked (`mlock(2)`) and in no core dump.
    Locked,
    /// In no core dump; the limit of locked memory was used up.
    Plain,
}

/// Pages that can be read and written, between two that can't.
pub(super) struct Pages {
    pub(super) start: NonNull<u8>,
    pub(super) len: usize,
    pub(super) protection: Protection,
}

// SAFETY: pages are plain memory; they belong to the heap, which is used under a lock.
#[expect(unsafe_code)]
unsafe impl Send for Pages {}

/// The unit in which [`Pages`] are had. On machines with larger pages, too, a multiple of theirs.
pub(super) const UNIT: usize = 64 * 1024;

#[cfg(all(unix, not(miri)))]
impl Pages {
    /// At least `len` bytes of the best protection that is left.
    pub(super) fn map(len: usize) -> io::Result<Self> {
        use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
        let len = len.next_multiple_of(UNIT);
        let guard = rustix::param::page_size();
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing that exists.
        #[expect(unsafe_code)]
        let reserved = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                len + 2 * guard,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        // SAFETY: the reservation is `guard + len + guard` bytes long.
        #[expect(unsafe_code)]
        let inside = unsafe { reserved.cast::<u8>().add(guard) };
        let filled = Self::fill(inside, len);
        let start = NonNull::new(inside);
        match (filled, start) {
            (Ok(protection), Some(start)) => Ok(Self {
                start,
                len,
                protection,
            }),
            (filled, _) => {
                // SAFETY: this is the reservation made above, and nobody has got a part of it.
                #[expect(unsafe_code)]
                unsafe {
                    rustix::mm::munmap(reserved, len + 2 * guard)?;
                }
                Err(filled
                    .err()
                    .unwrap_or_else(|| io::ErrorKind::OutOfMemory.into()))
            }
        }
    }

    /// Puts memory at `start`, a part of our own reservation of at least `len` bytes.
    fn fill(start: *mut u8, len: usize) -> io::Result<Protection> {
        use rustix::mm::{MapFlags, ProtFlags, mlock, mmap_anonymous};
        #[cfg(target_os = "linux")]
        if secret(start, len).is_ok() {
            return Ok(Protection::Secret);
        }
        // SAFETY: replaces a part of our own reservation, which nobody uses yet.
        #[expect(unsafe_code)]
        unsafe {
            mmap_anonymous(
                start.cast(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED,
            )?;
        }
        leave_out_of_dumps(start, len)?;
        // SAFETY: locking changes nothing of what the pages hold.
        #[expect(unsafe_code)]
        let locked = unsafe { mlock(start.cast(), len) };
        Ok(locked.map_or(Protection::Plain, |()| Protection::Locked))
    }

    /// Gives the pages back.
    ///
    /// # Safety
    /// Nobody may use them any more.
    #[expect(unsafe_code)]
    pub(super) unsafe fn unmap(self) {
        let guard = rustix::param::page_size();
        // SAFETY: the mapping is ours with its guards, and by contract nobody uses it.
        unsafe {
            let start = self.start.as_ptr().sub(guard);
            let _ends_with_the_process_else =
                rustix::mm::munmap(start.cast(), self.len + 2 * guard);
        }
    }
}

/// Maps `memfd_secret` pages at `start`.
///
/// The descriptor is closed at once: through an open one, `pidfd_getfd(2)` and `mmap(2)` read the
/// pages from another process.
#[cfg(all(target_os = "linux", not(miri)))]
fn secret(start: *mut u8, len: usize) -> io::Result<()> {
    use rustix::fd::{FromRawFd, OwnedFd};
    use rustix::mm::{MapFlags, ProtFlags, mmap};
    // SAFETY: the call takes a flag and makes a descriptor; it touches no memory of ours.
    #[expect(unsafe_code)]
    let made = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    let made = i32::try_from(made).ok().filter(|made| *made >= 0);
    let descriptor = made.ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel has just made this descriptor for us.
    #[expect(unsafe_code)]
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    rustix::fs::ftruncate(&descriptor, len as u64)?;
    // SAFETY: replaces a part of our own reservation, which nobody uses yet.
    #[expect(unsafe_code)]
    unsafe {
        mmap(
            start.cast(),
            len,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED | MapFlags::FIXED,
            &descriptor,
            0,
        )?;
    }
    // The mapping is shared, so a child would have it between fork and exec.
    leave_out_of_dumps(start, len)
}

#[cfg(all(unix, not(miri)))]
fn leave_out_of_dumps(start: *mut u8, len: usize) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::mm::{Advice, madvise};
        // SAFETY: neither advice changes what the pages hold for this process.
        #[expect(unsafe_code)]
        unsafe {
            madvise(start.cast(), len, Advice::LinuxDontDump)?;
            madvise(start.cast(), len, Advice::LinuxDontFork)?;
        }
    }
    #[cfg(not(target_os = "linux"))]
    let (_, _) = (start, len);
    Ok(())
}

/// Ordinary memory: under Miri, which knows no `mmap` of descriptors, and on Windows.
#[cfg(any(not(unix), miri))]
impl Pages {
    pub(super) fn map(len: usize) -> io::Result<Self> {
        let len = len.next_multiple_of(UNIT);
        // SAFETY: the layout has a size that is not zero.
        #[expect(unsafe_code)]
        let start = unsafe { std::alloc::alloc_zeroed(layout(len)?) };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self {
            start,
            len,
            protection: Protection::Plain,
        })
    }

    /// Gives the pages back.
    ///
    /// # Safety
    /// Nobody may use them any more.
    #[expect(unsafe_code)]
    pub(super) unsafe fn unmap(self) {
        if let Ok(layout) = layout(self.len) {
            // SAFETY: allocated above with this very layout; by contract nobody uses it.
            unsafe { std::alloc::dealloc(self.start.as_ptr(), layout) };
        }
    }
}

#[cfg(any(not(unix), miri))]
fn layout(len: usize) -> io::Result<std::alloc::Layout> {
    std::alloc::Layout::from_size_align(len, 4096).map_err(|_| io::ErrorKind::OutOfMemory.into())
}
