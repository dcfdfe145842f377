//! However a stream is cut into pieces, the same frames come out, and none is over the cap.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use pimento::agent::frame::{LONGEST, codec};
use tokio_util::codec::Decoder;

fn frames<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<BytesMut> {
    let (mut codec, mut buffer, mut frames) = (codec(), BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return frames,
            }
        }
    }
    frames
}

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, stream) = input;
    let whole = frames(std::iter::once(stream));
    assert_eq!(whole, frames(stream.chunks(usize::from(cut) + 1)));
    assert!(whole.iter().all(|frame| frame.len() <= LONGEST));
});
