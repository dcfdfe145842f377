//! Makes AWS-LC take its memory from here.

use std::ffi::{c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::OnceLock;

use super::heap;
use super::heap::Heap;

/// From now on, every key object, number and intermediate of AWS-LC is in protected memory, and
/// wiped when it is given back.
///
/// Call it before anything else of this process can have called AWS-LC: what that has allocated
/// from the common heap would come back to ours. Whether it worked; calling it again is harmless.
#[must_use]
pub fn install() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        // SAFETY: the three functions keep the contract of malloc, realloc and free, and by ours
        // AWS-LC has not allocated anything yet.
        #[expect(unsafe_code)]
        let set = unsafe {
            aws_lc_sys::CRYPTO_set_mem_functions(Some(allocate), Some(resize), Some(release))
        };
        set == 1
    })
}

extern "C" fn allocate(len: usize, _file: *const c_char, _line: c_int) -> *mut c_void {
    let block = heap().allocate(len);
    block.map_or(std::ptr::null_mut(), |block| block.as_ptr().cast())
}

#[expect(unsafe_code)]
unsafe extern "C" fn resize(
    block: *mut c_void,
    len: usize,
    file: *const c_char,
    line: c_int,
) -> *mut c_void {
    let Some(old) = NonNull::new(block.cast::<u8>()) else {
        return allocate(len, file, line);
    };
    let Some(new) = heap().allocate(len) else {
        return std::ptr::null_mut();
    };
    // SAFETY: AWS-LC hands in a block that `allocate` gave it; `new` is another one, so the two do
    // not overlap, and no more is copied than either holds.
    unsafe {
        new.copy_from_nonoverlapping(old, Heap::len(old).min(len));
        heap().release(old);
    }
    new.as_ptr().cast()
}

#[expect(unsafe_code)]
unsafe extern "C" fn release(block: *mut c_void, _file: *const c_char, _line: c_int) {
    if let Some(block) = NonNull::new(block.cast::<u8>()) {
        // SAFETY: AWS-LC hands in a block that `allocate` gave it, once.
        unsafe { heap().release(block) };
    }
}
