use proptest::prelude::*;

use super::*;
use crate::control::proto;

fn released(user: &str, password: &[u8], ends: &str) -> Released {
    Released {
        password: Zeroizing::new(password.to_vec()),
        facts: proto::Released {
            user: user.to_owned(),
            credential: "git".to_owned(),
            ends: ends.to_owned(),
            ..proto::Released::default()
        },
    }
}

fn lines(user: &str, password: &[u8], ends: &str) -> Option<Vec<u8>> {
    let lines = answer(&released(user, password, ends)).ok()?;
    Some(lines.to_vec())
}

#[test]
fn git_gets_the_account_the_password_and_when_it_ends() {
    assert_eq!(
        lines("robot", b"s3cret=", "2026-01-01T00:00:10.5Z").unwrap(),
        b"username=robot\npassword=s3cret=\npassword_expiry_utc=1767225610"
    );
    assert_eq!(lines("", b"s3cret", "").unwrap(), b"password=s3cret");
}

#[test]
fn a_line_break_cannot_make_a_line_of_its_own() {
    for bad in ["a\nquit=1", "a\r", "a\0"] {
        assert_eq!(lines("robot", bad.as_bytes(), ""), None, "{bad:?}");
        assert_eq!(lines(bad, b"s3cret", ""), None, "{bad:?}");
    }
}

#[test]
fn what_git_asks_for_is_read_up_to_the_empty_line() {
    let input = b"capability[]=authtype\nprotocol=https\nhost=git.contoso.com:8443\n\
        username=a=b\npath=\xff\nwwwauth[]=Basic realm=\"x\"\n\nhost=other\n";
    let asked = Asked {
        protocol: "https".to_owned(),
        host: "git.contoso.com:8443".to_owned(),
        user: "a=b".to_owned(),
    };
    assert_eq!(Asked::parse(input).ok(), Some(asked));
}

#[test]
fn what_is_not_gits_is_refused() {
    let bad: [&[u8]; 4] = [
        b"host\n",
        b"protocol=https\nhost=a\0b\n",
        b"host=a\rb\n",
        b"host=\xff\n",
    ];
    for input in bad {
        assert!(Asked::parse(input).is_err(), "{input:?}");
    }
}

#[test]
fn a_password_goes_over_https_or_stays_on_this_machine() {
    let private = |protocol: &str, host: &str| {
        let asked = Asked {
            protocol: protocol.to_owned(),
            host: host.to_owned(),
            user: String::new(),
        };
        asked.is_private().is_ok()
    };
    assert!(private("https", "git.contoso.com"));
    for host in [
        "localhost",
        "LOCALHOST:80",
        "127.0.0.1:8080",
        "127.9.9.9",
        "[::1]:80",
    ] {
        assert!(private("http", host), "{host}");
    }
    for host in [
        "git.contoso.com",
        "localhost.contoso.com",
        "127.0.0.1.contoso.com",
        "0.0.0.0",
        "[::2]:80",
        "localhost@contoso.com",
    ] {
        assert!(!private("http", host), "{host}");
    }
    for protocol in ["", "HTTP", "ftp", "smtp", "https "] {
        assert!(!private(protocol, "localhost"), "{protocol}");
    }
}

proptest! {
    #[test]
    fn whatever_is_answered_is_read_back_as_it_was(
        user in "\\PC{1,20}", password in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let bad = password.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0));
        let Some(lines) = lines(&user, &password, "") else {
            prop_assert!(bad);
            return Ok(());
        };
        prop_assert!(!bad);
        let expected = [b"username=", user.as_bytes(), b"\npassword=", &password].concat();
        prop_assert_eq!(lines, expected);
    }

    #[test]
    fn no_input_is_read_as_a_host_that_is_not_in_it(
        input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'='), any::<u8>()], 0..60),
        host in "[a-z.:]{1,10}",
    ) {
        let line = format!("protocol=https\nhost={host}\n");
        let both = [line.as_bytes(), &input].concat();
        if let Ok(asked) = Asked::parse(&both) {
            let again = input.windows(5).any(|it| it == b"host=");
            prop_assert!(again || asked.host == host);
        }
    }
}
