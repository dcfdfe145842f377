//! The frames of the agent protocol (RFC 9987 section 3): a `uint32` length, then that many bytes.

use bytes::Bytes;
use tokio_util::codec::LengthDelimitedCodec;

/// The longest message, the same as OpenSSH's AGENT_MAX_LEN.
///
/// A client that announces more is cut off before a byte is reserved for it: 0xffffffff in front
/// of nothing made another agent reserve 4 GiB.
pub const LONGEST: usize = 256 * 1024;

/// The codec of both directions.
#[must_use]
pub fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .length_field_type::<u32>()
        .big_endian()
        .max_frame_length(LONGEST)
        .new_codec()
}

/// The message for a client, or a plain FAILURE if it would be longer than a client reads.
#[must_use]
pub fn outgoing(message: Vec<u8>) -> Bytes {
    if message.len() > LONGEST {
        Bytes::from_static(&[super::message::FAILURE])
    } else {
        message.into()
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;
    use tokio_util::codec::{Decoder, Encoder};

    use super::*;

    #[test]
    fn an_announced_giant_is_refused_before_memory_is_reserved() {
        for length in [u32::MAX, 256 * 1024 + 1] {
            let mut buffer = BytesMut::with_capacity(8);
            buffer.extend_from_slice(&length.to_be_bytes());
            assert!(codec().decode(&mut buffer).is_err());
            assert!(buffer.capacity() < 64);
        }
    }

    #[test]
    fn half_a_frame_is_waited_for() {
        let mut buffer = BytesMut::from(&[0, 0, 0, 2, 11][..]);
        let mut codec = codec();
        assert_eq!(codec.decode(&mut buffer).unwrap(), None);
        buffer.extend_from_slice(&[7, 0]);
        assert_eq!(&codec.decode(&mut buffer).unwrap().unwrap()[..], [11, 7]);
        assert_eq!(&buffer[..], [0]);
    }

    #[test]
    fn a_reply_longer_than_clients_read_becomes_a_failure() {
        assert_eq!(outgoing(vec![12; LONGEST + 1]), [5][..]);
        assert_eq!(outgoing(vec![12; LONGEST]).len(), LONGEST);
    }

    proptest! {
        #[test]
        fn frames_come_out_whole_however_they_are_cut(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8),
            cut in 1usize..50,
        ) {
            let (mut sender, mut receiver) = (codec(), codec());
            let mut stream = BytesMut::new();
            for frame in &frames {
                sender.encode(frame.as_slice(), &mut stream).unwrap();
            }
            let mut buffer = BytesMut::new();
            let mut seen = Vec::new();
            for piece in stream.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = receiver.decode(&mut buffer).unwrap() {
                    seen.push(frame.to_vec());
                }
            }
            prop_assert_eq!(seen, frames);
        }
    }
}
