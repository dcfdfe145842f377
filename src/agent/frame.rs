//! The frames of the agent protocol (RFC 9987 section 3): a `uint32` length, then that many bytes.
//!
//! In go the bytes of one client, out come whole messages, read where they lie. Memory is taken
//! for what has arrived and never for what was announced, and a message is wiped as soon as it is
//! answered, because it may have been a private key or a passphrase.

use std::io;
use std::ops::Range;

use tokio::io::{AsyncRead, AsyncReadExt};
use zeroize::Zeroize;

use super::message::Response;

/// The longest message, the same as OpenSSH's AGENT_MAX_LEN.
///
/// A client that announces more is cut off before a byte is reserved for it: 0xffffffff in front
/// of nothing made another agent reserve 4 GiB.
pub const LONGEST: usize = 256 * 1024;

/// What has arrived from a client and is not answered yet.
#[derive(Default)]
pub struct Inbox {
    buffer: Vec<u8>,
    /// Where the first message begins that is not answered.
    start: usize,
    /// Where the bytes end that have arrived.
    end: usize,
}

/// How much of the next message is there.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// All of it: where its content lies.
    Whole(Range<usize>),
    /// Some of it; `length` is what it announces, once that is known.
    Part {
        /// The announced length of the content.
        length: Option<usize>,
    },
    /// Nothing.
    Nothing,
}

impl Inbox {
    /// Looks for the next message.
    ///
    /// # Errors
    /// If its length is zero or more than [`LONGEST`]: what follows cannot be told apart any more.
    pub fn next(&self) -> io::Result<Next> {
        let arrived = self.buffer.get(self.start..self.end).unwrap_or_default();
        if arrived.is_empty() {
            return Ok(Next::Nothing);
        }
        let Some((&length, content)) = arrived.split_first_chunk() else {
            return Ok(Next::Part { length: None });
        };
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length == 0 || length > LONGEST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a message of {length} bytes was announced; 1 to {LONGEST} are possible"),
            ));
        }
        if content.len() < length {
            return Ok(Next::Part {
                length: Some(length),
            });
        }
        let start = self.start + HEADER;
        Ok(Next::Whole(start..start + length))
    }

    /// The content of a message that [`Self::next`] has found.
    #[must_use]
    pub fn message(&self, content: &Range<usize>) -> &[u8] {
        self.buffer.get(content.clone()).unwrap_or_default()
    }

    /// Wipes a message that was answered, and gives back memory that only it needed.
    pub fn answered(&mut self, content: Range<usize>) {
        if let Some(message) = self.buffer.get_mut(self.start..content.end) {
            message.zeroize();
        }
        self.start = content.end;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.buffer.len() > KEPT {
                self.buffer = Vec::new();
            }
        }
    }

    /// Reads what is there to be read, waiting for at least one byte; 0 if the client is gone.
    ///
    /// # Errors
    /// If the connection is broken.
    pub async fn read(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.make_room(1);
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = stream.read(room).await?;
        self.end += read;
        Ok(read)
    }

    /// Takes in bytes that were read elsewhere.
    pub fn take_in(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        if let Some(room) = self.buffer.get_mut(self.end..self.end + bytes.len()) {
            room.copy_from_slice(bytes);
            self.end += bytes.len();
        }
    }

    /// Makes sure that `more` bytes can be taken in: moves what is there to the front, or into a
    /// buffer that is at least twice as long.
    fn make_room(&mut self, more: usize) {
        if self.buffer.len() - self.end >= more {
            return;
        }
        let held = self.end - self.start;
        if self.buffer.len() - held >= more && self.start >= held {
            self.buffer.copy_within(self.start..self.end, 0);
            if let Some(moved_from) = self.buffer.get_mut(held..self.end) {
                moved_from.zeroize();
            }
        } else {
            // Not `resize`: what that would leave behind when it moves is not wiped.
            let mut larger = vec![0; (self.buffer.len() * 2).max(held + more).max(SHORTEST)];
            let arrived = self.buffer.get(self.start..self.end).unwrap_or_default();
            if let Some(front) = larger.get_mut(..held) {
                front.copy_from_slice(arrived);
            }
            self.buffer.zeroize();
            self.buffer = larger;
        }
        (self.start, self.end) = (0, held);
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

/// Puts `response` into `frame`, or a plain FAILURE if it is longer than a client reads.
pub fn put(frame: &mut Vec<u8>, response: &Response) {
    frame.clear();
    frame.extend([0; HEADER]);
    response.encode_into(frame);
    if frame.len() > HEADER + LONGEST {
        frame.truncate(HEADER);
        Response::Failure.encode_into(frame);
    }
    let length = u32::try_from(frame.len() - HEADER).unwrap_or(u32::MAX);
    if let Some(header) = frame.first_chunk_mut() {
        *header = length.to_be_bytes();
    }
}

/// The length in front of a message.
const HEADER: usize = size_of::<u32>();
/// Holds a login's request to sign. Thousands of idle connections have one each.
const SHORTEST: usize = 1024;
/// What an idle connection may keep.
const KEPT: usize = 4 * SHORTEST;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holding(bytes: &[u8]) -> Inbox {
        let mut inbox = Inbox::default();
        inbox.take_in(bytes);
        inbox
    }

    #[test]
    fn an_announced_giant_is_refused_before_memory_is_reserved() {
        for length in [0, u32::MAX, 256 * 1024 + 1] {
            let inbox = holding(&length.to_be_bytes());
            assert!(inbox.next().is_err());
            assert!(inbox.buffer.capacity() <= SHORTEST);
        }
    }

    #[test]
    fn half_a_frame_is_waited_for() {
        let mut inbox = holding(&[0, 0]);
        assert_eq!(inbox.next().unwrap(), Next::Part { length: None });
        inbox.take_in(&[0, 2, 11]);
        assert_eq!(inbox.next().unwrap(), Next::Part { length: Some(2) });
        inbox.take_in(&[7, 0]);
        let Next::Whole(content) = inbox.next().unwrap() else {
            panic!("it is whole");
        };
        assert_eq!(inbox.message(&content), [11, 7]);
        inbox.answered(content);
        assert_eq!(inbox.next().unwrap(), Next::Part { length: None });
    }

    #[test]
    fn an_answered_message_is_wiped_and_a_large_one_gives_its_memory_back() {
        let mut inbox = holding(&[0, 0, 0, 2, 0xaa, 0xaa, 9]);
        let Next::Whole(content) = inbox.next().unwrap() else {
            panic!("it is whole");
        };
        inbox.answered(content);
        assert!(!inbox.buffer.contains(&0xaa));
        let mut large = holding(&(LONGEST as u32).to_be_bytes());
        large.take_in(&vec![0xaa; LONGEST]);
        let Next::Whole(content) = large.next().unwrap() else {
            panic!("it is whole");
        };
        large.answered(content);
        assert_eq!(large.buffer.capacity(), 0);
    }

    #[test]
    fn a_reply_longer_than_clients_read_becomes_a_failure() {
        let mut frame = Vec::new();
        put(&mut frame, &Response::Passed(vec![12; LONGEST + 1]));
        assert_eq!(frame, [0, 0, 0, 1, 5]);
        put(&mut frame, &Response::Passed(vec![12; LONGEST]));
        assert_eq!(frame.len(), HEADER + LONGEST);
    }

    proptest! {
        #[test]
        fn frames_come_out_whole_however_they_are_cut(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..3000), 0..8),
            cut in 1usize..1500,
        ) {
            let stream: Vec<u8> = frames
                .iter()
                .flat_map(|frame| [&(frame.len() as u32).to_be_bytes(), frame.as_slice()].concat())
                .collect();
            let mut inbox = Inbox::default();
            let mut seen = Vec::new();
            for piece in stream.chunks(cut) {
                inbox.take_in(piece);
                while let Next::Whole(content) = inbox.next().unwrap() {
                    seen.push(inbox.message(&content).to_vec());
                    inbox.answered(content);
                }
            }
            prop_assert_eq!(seen, frames);
            prop_assert_eq!(inbox.next().unwrap(), Next::Nothing);
        }
    }
}
