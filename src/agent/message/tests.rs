use proptest::prelude::*;

use super::*;

const OFFERED: [u8; 11] = [9, 11, 13, 17, 18, 19, 22, 23, 25, 27, 0];

fn unsupported(message: &[u8]) -> Unsupported {
    match Request::parse(message) {
        Request::Unsupported(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_type_that_is_not_offered_is_told_apart_from_a_broken_one() {
    assert_eq!(unsupported(&[0]), Unsupported::Type(0));
    for number in (0..=255).filter(|number| !OFFERED.contains(number)) {
        assert_eq!(unsupported(&[number, 1, 2]), Unsupported::Type(number));
    }
    for number in [13, 18, 22, 23, 27] {
        assert_eq!(unsupported(&[number]), Unsupported::Malformed(number));
    }
    assert_eq!(unsupported(&[]), Unsupported::Malformed(0));
}

#[test]
fn bytes_after_the_end_are_malformed() {
    let sign = Request::Sign {
        key_blob: &[1],
        data: &[2],
        flags: 0,
    };
    for request in [
        Request::Identities,
        sign,
        Request::Lock(b"x"),
        Request::Query,
        Request::Remove(b"x"),
        Request::RemoveAll,
        Request::RemoveAllOfVersion1,
        Request::Unlock(b""),
    ] {
        let mut message = request.encode();
        assert_eq!(Request::parse(&message), request);
        message.push(0);
        assert_eq!(unsupported(&message), Unsupported::Malformed(message[0]));
    }
}

#[test]
fn an_unknown_extension_is_not_supported() {
    let mut message = vec![EXTENSION];
    put_string(&mut message, b"session-bind@openssh.org");
    assert_eq!(unsupported(&message), Unsupported::Extension);
}

#[test]
fn query_answers_with_bare_names() {
    let encoded = Response::Extensions(EXTENSIONS).encode();
    let mut wire = Wire::new(&encoded);
    assert_eq!(wire.byte(), Ok(29));
    assert_eq!(wire.text(), Ok("query"));
    assert_eq!(wire.text(), Ok("session-bind@openssh.com"));
    assert_eq!(wire.end(), Ok(()));
}

proptest! {
    #[test]
    fn what_is_encoded_is_what_is_parsed(
        key_blob in proptest::collection::vec(any::<u8>(), 0..60),
        data in proptest::collection::vec(any::<u8>(), 0..200),
        flags: u32,
    ) {
        for request in [
            Request::SessionBind(&data),
            Request::Add { content: &data, constrained: true },
            Request::Add { content: &data, constrained: false },
            Request::Lock(&data),
            Request::Unlock(&data),
            Request::Remove(&key_blob),
            Request::Sign { key_blob: &key_blob, data: &data, flags },
        ] {
            let encoded = request.encode();
            prop_assert_eq!(Request::parse(&encoded), request);
        }
    }

    #[test]
    fn a_list_is_read_as_it_was_written(
        keys in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..60), ".{0,20}"), 0..6),
        cut in 1usize..40,
    ) {
        let identity = |(blob, comment): (Vec<u8>, String)| Identity {
            key_blob: blob.into(),
            comment: comment.as_bytes().into(),
        };
        let identities: Vec<Identity> = keys.into_iter().map(identity).collect();
        let message = Response::Identities(identities.clone()).encode();
        prop_assert_eq!(Response::identities(&message).unwrap(), identities);
        let cut = message.len().saturating_sub(cut);
        prop_assert!(Response::identities(&message[..cut]).is_err());
    }

    #[test]
    fn any_bytes_are_some_request(message in proptest::collection::vec(any::<u8>(), 0..80)) {
        let request = Request::parse(&message);
        if !matches!(request, Request::Unsupported(_)) {
            prop_assert_eq!(request.encode(), message);
        }
    }
}
