//! The two ways to write that there is no password, with OpenSSL as the judge.

use std::fs;
use std::process::Command;

use super::*;

/// `file` with the authentication code that `password` gives.
fn coded(file: &[u8], password: &[u8]) -> Vec<u8> {
    let mut pfx = Der::new(file).sequence().unwrap();
    let _version = pfx.integer().unwrap();
    let mut safe = pfx.sequence().unwrap();
    safe.object_id().unwrap();
    let safe = safe.tagged(0).unwrap().octet_string().unwrap();
    let mut mac = pfx.sequence().unwrap();
    let mut info = mac.sequence().unwrap();
    let hash = Hash::of(info.sequence().unwrap().object_id().unwrap()).unwrap();
    let (old, salt) = (info.octet_string().unwrap(), mac.octet_string().unwrap());
    let rounds = rounds(mac.integer().unwrap()).unwrap();
    let key = derive(hash, Purpose::Code, password, salt, rounds, hash.length());
    let new = hmac::sign(&hmac::Key::new(hash.code(), &key), safe);
    let at = file
        .windows(old.len())
        .position(|part| part == old)
        .unwrap();
    [&file[..at], new.as_ref(), &file[at + old.len()..]].concat()
}

#[test]
#[cfg_attr(windows, ignore = "needs openssl")]
fn a_file_without_a_password_is_read_as_openssl_reads_it_whichever_way_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| {
        let mut openssl = Command::new("openssl");
        openssl
            .args(arguments.split(' '))
            .current_dir(folder.path());
        openssl.output().unwrap().status.success()
    };
    assert!(openssl(
        "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=x -keyout key -out certificate"
    ));
    for hash in ["sha1", "sha256", "sha384", "sha512"] {
        assert!(openssl(&format!(
            "pkcs12 -export -in certificate -inkey key -keypbe NONE -certpbe NONE -macalg {hash} \
             -passout pass: -out file"
        )));
        let file = fs::read(folder.path().join("file")).unwrap();
        assert_eq!(coded(&file, EMPTY), file);
        for (password, taken) in [(EMPTY, true), (NONE, true), (&[0, b'x', 0, 0], false)] {
            let file = coded(&file, password);
            assert_eq!(parse(&file).is_ok(), taken, "{hash} {password:?}");
            fs::write(folder.path().join("coded"), &file).unwrap();
            let judged = openssl("pkcs12 -in coded -noout -passin pass:");
            assert_eq!(judged, taken, "{hash} {password:?}");
        }
    }
}

#[test]
fn a_file_that_asks_for_hours_of_work_is_refused() {
    assert_eq!(rounds(&[0x08, 0x00]), Ok(2048));
    for number in [
        &[][..],
        &[0x7f, 0xff, 0xff, 0xff],
        &[1, 0, 0, 0, 0],
        &[0x0f, 0xff, 0xff],
    ] {
        assert_eq!(rounds(number), Err(Problem::Unsupported));
    }
}
