//! What root can read of a process.

use std::fs;
use std::io::{Read, Seek, SeekFrom};

/// The memory of `pid` that can be written, mapping by mapping, as far as it can be read.
pub(crate) fn readable(pid: u32) -> Vec<Vec<u8>> {
    let mut memory = fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut all = Vec::new();
    for line in fs::read_to_string(format!("/proc/{pid}/maps"))
        .unwrap()
        .lines()
    {
        let mut fields = line.split_whitespace();
        let (start, end) = fields.next().unwrap().split_once('-').unwrap();
        // What cannot be written holds no copy of what came later.
        if !fields.next().unwrap().starts_with("rw") {
            continue;
        }
        let start = u64::from_str_radix(start, 16).unwrap();
        let length = u64::from_str_radix(end, 16).unwrap() - start;
        let mut map = vec![0; usize::try_from(length).unwrap()];
        memory.seek(SeekFrom::Start(start)).unwrap();
        if memory.read_exact(&mut map).is_ok() {
            all.push(map);
        }
    }
    all
}
