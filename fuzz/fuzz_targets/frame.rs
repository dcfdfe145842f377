//! However a stream is cut into pieces, its messages come out as they went in, up to the first
//! length that is not possible; and what is answered is read back as one frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pimento::agent::frame::{Inbox, LONGEST, Next, put};
use pimento::agent::message::Response;

#[derive(Debug, PartialEq)]
enum End {
    Clean,
    Partial(Option<usize>),
    Impossible,
}

fn inbox<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, End) {
    let (mut inbox, mut messages) = (Inbox::default(), Vec::new());
    let mut end = End::Clean;
    for piece in pieces {
        inbox.take_in(piece);
        end = loop {
            match inbox.next() {
                Ok(Next::Whole(content)) => {
                    messages.push(inbox.message(&content).to_vec());
                    inbox.answered(content);
                }
                Ok(Next::Part { length }) => break End::Partial(length),
                Ok(Next::Nothing) => break End::Clean,
                Err(_) => return (messages, End::Impossible),
            }
        };
    }
    (messages, end)
}

/// The same in the simplest way there is, of all that has arrived.
fn expected(mut stream: &[u8]) -> (Vec<Vec<u8>>, End) {
    let mut messages = Vec::new();
    while let Some((length, rest)) = stream.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if !(1..=LONGEST).contains(&length) {
            return (messages, End::Impossible);
        }
        let Some((message, rest)) = rest.split_at_checked(length) else {
            return (messages, End::Partial(Some(length)));
        };
        messages.push(message.to_vec());
        stream = rest;
    }
    match stream {
        [] => (messages, End::Clean),
        _ => (messages, End::Partial(None)),
    }
}

fuzz_target!(|input: &[u8]| {
    let [cut, times, stream @ ..] = input else {
        return;
    };
    // Repeated, a short input fills the buffer until it has to grow.
    let stream = stream.repeat(1 + usize::from(times % 8));
    let mut rest = stream.as_slice();
    let lengths = [1 + usize::from(cut & 15), 1 + 83 * usize::from(cut >> 4)];
    let pieces = lengths.into_iter().cycle().map_while(|length| {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    let (messages, end) = inbox(pieces);
    assert_eq!((messages.clone(), end), expected(&stream));
    if let Some(message) = messages.into_iter().next() {
        let mut frame = Vec::new();
        put(&mut frame, &Response::Passed(message.clone()));
        assert_eq!(expected(&frame), (vec![message], End::Clean));
    }
});
