//! Blocks of [`Pages`]: lists of free blocks by size, each block wiped when it comes back.

use std::ptr::NonNull;

use super::Report;
use super::pages::{Pages, Protection, UNIT};

/// The heap. Blocks of up to 64 KiB are kept for reuse; larger ones have pages of their own.
pub(super) struct Heap {
    free: [Option<NonNull<Header>>; SIZES.len()],
    /// What is left of the newest pages.
    rest: Option<NonNull<u8>>,
    left: usize,
    report: Report,
}

/// Stands in front of each block.
#[repr(C, align(16))]
struct Header {
    /// The next free block of the same size; of a block in use: nothing.
    next: Option<NonNull<Self>>,
    /// How many bytes were asked for.
    len: u32,
    /// Index into `SIZES`; past its end for a block with pages of its own.
    size: u8,
    /// Of those pages of its own.
    protection: Protection,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
enum State {
    Used = 0x5e17,
    Free = 0xf4ee,
}

// SAFETY: the pointers lead to pages that only this heap hands out; it is used under a lock.
#[expect(unsafe_code)]
unsafe impl Send for Heap {}

impl Heap {
    pub(super) const fn new() -> Self {
        Self {
            free: [None; SIZES.len()],
            rest: None,
            left: 0,
            report: Report {
                secret: 0,
                locked: 0,
                plain: 0,
            },
        }
    }

    pub(super) const fn report(&self) -> Report {
        self.report
    }

    /// A block for `len` bytes, aligned to 16; `None` if there is no memory of any kind.
    pub(super) fn allocate(&mut self, len: usize) -> Option<NonNull<u8>> {
        let size = SIZES.partition_point(|size| *size < len);
        let header = match self.free.get_mut(size) {
            None => self.large(len)?,
            Some(free) => match *free {
                Some(first) => {
                    // SAFETY: what is on a list of free blocks is a header that we wrote.
                    #[expect(unsafe_code)]
                    let next = unsafe { first.as_ref().next };
                    *free = next;
                    first
                }
                None => self.carve(size)?,
            },
        };
        // SAFETY: the header is ours, initialised, and its block is in nobody's use.
        #[expect(unsafe_code)]
        unsafe {
            let header = &mut *header.as_ptr();
            header.next = None;
            header.len = u32::try_from(len).ok()?;
            header.state = State::Used;
        }
        // SAFETY: a header is followed by its block.
        #[expect(unsafe_code)]
        Some(unsafe { header.add(1).cast() })
    }

    /// How long a block is, as it was asked for.
    ///
    /// # Safety
    /// `block` came from [`Self::allocate`] and was not released.
    #[expect(unsafe_code)]
    pub(super) unsafe fn len(block: NonNull<u8>) -> usize {
        // SAFETY: by contract there is a header of ours in front of the block.
        unsafe { block.cast::<Header>().sub(1).as_ref().len as usize }
    }

    /// Wipes a block and takes it back.
    ///
    /// # Safety
    /// `block` came from [`Self::allocate`] of this heap, and its owner uses it no more.
    #[expect(unsafe_code)]
    pub(super) unsafe fn release(&mut self, block: NonNull<u8>) {
        // SAFETY: by contract there is a header of ours in front of the block. No pointer that is
        // kept may come from a reference to it: such a one may reach the header and not the block.
        let (place, header) = unsafe {
            let place = block.cast::<Header>().sub(1);
            (place, &mut *place.as_ptr())
        };
        if header.state != State::Used {
            // Released twice: a block of secrets must never have two owners.
            std::process::abort();
        }
        // SAFETY: the block is as long as its header says. The bytes stay reachable through the
        // list of free blocks, so the compiler cannot leave this out.
        unsafe { block.write_bytes(0, header.len as usize) };
        header.state = State::Free;
        if let Some(free) = self.free.get_mut(usize::from(header.size)) {
            header.next = *free;
            *free = Some(place);
        } else {
            let pages = Pages {
                start: place.cast(),
                len: pages_for(header.len as usize),
                protection: header.protection,
            };
            *self.tally(pages.protection) -= pages.len;
            // SAFETY: a large block has these pages to itself, and its owner is done with it.
            unsafe { pages.unmap() };
        }
    }

    /// A new block of `SIZES[size]`, cut from the newest pages.
    fn carve(&mut self, size: usize) -> Option<NonNull<Header>> {
        let length = HEADER + SIZES.get(size)?;
        if self.left < length {
            self.hand_out_rest();
            let pages = self.map(length)?;
            (self.rest, self.left) = (Some(pages.start), pages.len);
        }
        self.cut(size, length)
    }

    /// Cuts `length` bytes off the newest pages, which has to be there.
    fn cut(&mut self, size: usize, length: usize) -> Option<NonNull<Header>> {
        let start = self.rest?;
        // SAFETY: at least `length` bytes are left behind `start`, so the end is at most one past.
        #[expect(unsafe_code)]
        let rest = unsafe { start.add(length) };
        (self.rest, self.left) = (Some(rest), self.left - length);
        let header = start.cast::<Header>();
        let empty = Header::free(size, Protection::Plain)?;
        // SAFETY: the pages are writable and nobody has this part of them; lengths are multiples
        // of 16, so it is aligned.
        #[expect(unsafe_code)]
        unsafe {
            header.write(empty);
        }
        Some(header)
    }

    /// Makes free blocks of what is left of the newest pages.
    fn hand_out_rest(&mut self) {
        while let Some(fits) = self.left.checked_sub(HEADER) {
            let Some(size) = SIZES.partition_point(|size| *size <= fits).checked_sub(1) else {
                return;
            };
            let Some(length) = SIZES.get(size).map(|size| HEADER + size) else {
                return;
            };
            let (Some(header), Some(free)) = (self.cut(size, length), self.free.get_mut(size))
            else {
                return;
            };
            // SAFETY: `cut` has just written this header.
            #[expect(unsafe_code)]
            unsafe {
                (*header.as_ptr()).next = *free;
            }
            *free = Some(header);
        }
    }

    /// A block with pages of its own.
    fn large(&mut self, len: usize) -> Option<NonNull<Header>> {
        let pages = self.map(HEADER.checked_add(len)?)?;
        let header = pages.start.cast::<Header>();
        let empty = Header::free(SIZES.len(), pages.protection)?;
        // SAFETY: new pages, writable, aligned, longer than a header.
        #[expect(unsafe_code)]
        unsafe {
            header.write(empty);
        }
        Some(header)
    }

    fn map(&mut self, len: usize) -> Option<Pages> {
        let pages = Pages::map(len).ok()?;
        *self.tally(pages.protection) += pages.len;
        Some(pages)
    }

    const fn tally(&mut self, protection: Protection) -> &mut usize {
        match protection {
            Protection::Secret => &mut self.report.secret,
            Protection::Locked => &mut self.report.locked,
            Protection::Plain => &mut self.report.plain,
        }
    }
}

impl Header {
    fn free(size: usize, protection: Protection) -> Option<Self> {
        Some(Self {
            next: None,
            len: 0,
            size: u8::try_from(size).ok()?,
            protection,
            state: State::Free,
        })
    }
}

/// How many bytes of pages a large block of `len` has.
const fn pages_for(len: usize) -> usize {
    (HEADER + len).next_multiple_of(UNIT)
}

const HEADER: usize = size_of::<Header>();

/// The lengths of blocks: multiples of 16, two for each doubling.
const SIZES: [usize; 24] = [
    16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192,
    12288, 16384, 24576, 32768, 49152, 65536,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A block and what its owner wrote into it.
    struct Owned(NonNull<u8>, usize, u8);

    impl Owned {
        #[expect(unsafe_code)]
        fn bytes(&self) -> &[u8] {
            // SAFETY: the tests read only blocks that they own and have filled.
            unsafe { std::slice::from_raw_parts(self.0.as_ptr(), self.1) }
        }
    }

    #[expect(unsafe_code)]
    fn owned(heap: &mut Heap, len: usize, fill: u8) -> Owned {
        let block = heap.allocate(len).unwrap();
        // SAFETY: the block is new and `len` bytes long.
        unsafe { block.write_bytes(fill, len) };
        Owned(block, len, fill)
    }

    #[expect(unsafe_code)]
    fn release(heap: &mut Heap, owned: &Owned) {
        // SAFETY: each test releases a block once.
        unsafe { heap.release(owned.0) };
    }

    #[test]
    fn a_block_that_comes_back_is_wiped_and_used_again() {
        let mut heap = Heap::new();
        let first = owned(&mut heap, 40, 0xaa);
        release(&mut heap, &first);
        assert_eq!(first.bytes(), [0; 40]);
        // Written to its end: Miri tells if what leads to it may reach its header only.
        let second = owned(&mut heap, 48, 0xbb);
        assert_eq!(second.0, first.0);
        assert_eq!(second.bytes(), [0xbb; 48]);
    }

    #[test]
    fn pages_are_counted_and_large_blocks_give_theirs_back() {
        let mut heap = Heap::new();
        let total = |heap: &Heap| {
            let report = heap.report();
            report.secret + report.locked + report.plain
        };
        let _small = owned(&mut heap, 16, 1);
        assert_eq!(total(&heap), UNIT);
        let large = owned(&mut heap, 3 * UNIT, 1);
        assert_eq!(total(&heap), 5 * UNIT);
        release(&mut heap, &large);
        assert_eq!(total(&heap), UNIT);
    }

    #[test]
    fn what_is_left_of_pages_is_handed_out_before_new_ones_are_had() {
        let mut heap = Heap::new();
        let _small = owned(&mut heap, 16, 1);
        let _too_large_for_the_rest = owned(&mut heap, 65_536, 1);
        let before = heap.report();
        let _fits_the_rest = owned(&mut heap, 32_768, 1);
        assert_eq!(heap.report(), before);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 128 }))]

        #[test]
        fn no_two_owners_share_a_byte(
            steps in proptest::collection::vec((0usize..70_000, 0usize..8, any::<u8>()), 1..60),
        ) {
            let mut heap = Heap::new();
            let mut all: Vec<Owned> = Vec::new();
            for (len, choice, fill) in steps {
                let len = if choice < 6 { len % 600 } else { len };
                if choice % 2 == 0 && !all.is_empty() {
                    let gone = all.swap_remove(len % all.len());
                    release(&mut heap, &gone);
                } else {
                    all.push(owned(&mut heap, len, fill));
                }
                for block in &all {
                    // As one comparison: Miri would take minutes for the bytes one by one.
                    prop_assert!(block.bytes() == vec![block.2; block.1]);
                    prop_assert_eq!(block.0.as_ptr() as usize % 16, 0);
                }
            }
            for block in &all {
                release(&mut heap, block);
            }
        }
    }
}
