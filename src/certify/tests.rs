use proptest::prelude::*;
use ssh_key::Certificate;
use ssh_key::certificate::CertType;

use super::*;
use crate::catalog::testing::PUBLIC_KEY;
use crate::certify::is_signed;
use crate::secret::private_key::PrivateKey;

const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC8A4WBT7mEJf1ne3LnuYs7/EA0PHBTGxL2tYfJ8bgvrkAFoLXpgDIGkPyEhuF2wCFhxIR0EPX3L/kGbjfLsqTr";
const P256: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU=";

fn key(text: &str) -> PublicKey {
    PublicKey::from_openssh(text).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn statement(principals: &[String]) -> Statement<'_> {
    Statement {
        holder: Holder::User,
        key_id: "mia",
        principals,
        valid_after: at(1000),
        valid_before: at(2000),
        critical: &[],
        extensions: &[],
    }
}

/// Certified by a new authority.
fn certified(key: &PublicKey, statement: &Statement<'_>) -> (Certificate, PrivateKey) {
    let authority = PrivateKey::generate().unwrap();
    let data = to_be_signed(key, statement, authority.public()).unwrap();
    let signature = authority.sign(&data, 0).unwrap();
    let certificate = Certificate::from_bytes(&signed(data, &signature)).unwrap();
    (certificate, authority)
}

#[test]
fn every_kind_of_key_is_certified_and_its_authority_proves_it() {
    let names = strings(&["root"]);
    for text in [PUBLIC_KEY, P256, RSA] {
        let key = key(text);
        let (certificate, authority) = certified(&key, &statement(&names));
        assert_eq!(certificate.public_key(), key.key_data());
        assert_eq!(certificate.signature_key(), authority.public().key_data());
        is_signed(&certificate).unwrap();
        assert_eq!(certificate.cert_type(), CertType::User);
    }
}

#[test]
fn no_two_certificates_have_the_same_nonce_or_serial() {
    let names = strings(&["root"]);
    let (one, _) = certified(&key(PUBLIC_KEY), &statement(&names));
    let (other, _) = certified(&key(PUBLIC_KEY), &statement(&names));
    assert_ne!(one.nonce(), other.nonce());
    assert_ne!(one.serial(), other.serial());
}

#[test]
fn nothing_is_made_for_nobody_or_for_no_time() {
    let authority = key(P256);
    let refused = |statement: &Statement<'_>| {
        to_be_signed(&key(PUBLIC_KEY), statement, &authority).unwrap_err()
    };
    for nobody in [strings(&[]), strings(&["", ""])] {
        assert_eq!(refused(&statement(&nobody)), Uncertifiable::Nobody);
    }
    let names = strings(&["root"]);
    for (after, before) in [(2000, 2000), (2000, 1000), (-5, 1000)] {
        let never = Statement {
            valid_after: at(after),
            valid_before: at(before),
            ..statement(&names)
        };
        assert_eq!(refused(&never), Uncertifiable::Nobody);
    }
}

#[test]
fn a_certificate_is_not_certified_again() {
    let names = strings(&["root"]);
    let (certificate, authority) = certified(&key(PUBLIC_KEY), &statement(&names));
    let again = PublicKey::new(KeyData::from(certificate), "");
    let refused = to_be_signed(&again, &statement(&names), authority.public());
    assert_eq!(refused.unwrap_err(), Uncertifiable::Kind);
}

prop_compose! {
    fn any_options()(
        named in proptest::collection::btree_map("[a-z]{1,12}", "[ -~]{0,40}", 0..5),
    ) -> Vec<(String, String)> {
        named.into_iter().collect()
    }
}

proptest! {
    #[test]
    fn what_is_said_is_what_another_decoder_reads(
        key_id in "[ -~]{0,60}",
        principals in proptest::collection::vec("[a-z0-9.@-]{1,20}", 1..6),
        (after, lasts) in (0_i64..4_000_000_000, 1_i64..4_000_000_000),
        critical in any_options(),
        extensions in any_options(),
        is_host in any::<bool>(),
    ) {
        let statement = Statement {
            holder: if is_host { Holder::Host } else { Holder::User },
            key_id: &key_id,
            principals: &principals,
            valid_after: at(after),
            valid_before: at(after + lasts),
            critical: &critical,
            extensions: &extensions,
        };
        let (read, _) = certified(&key(PUBLIC_KEY), &statement);
        prop_assert_eq!(read.key_id(), &key_id);
        prop_assert_eq!(read.valid_principals(), &principals[..]);
        prop_assert_eq!(read.valid_after(), u64::try_from(after).unwrap());
        prop_assert_eq!(read.valid_before(), u64::try_from(after + lasts).unwrap());
        prop_assert_eq!(read.cert_type() == CertType::Host, is_host);
        let pairs = |options: &ssh_key::certificate::OptionsMap| {
            options.iter().map(|(k, v)| (k.clone(), v.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(pairs(read.critical_options()), critical);
        prop_assert_eq!(pairs(read.extensions()), extensions);
        prop_assert!(is_signed(&read).is_ok());
    }
}

#[test]
fn a_pattern_or_a_list_is_not_the_name_of_a_host() {
    for name in [
        "web1",
        "web1.contoso.com",
        "10.0.0.7",
        "2001:db8::7",
        "b\u{fc}ro",
    ] {
        assert!(is_host_name(name), "{name}");
    }
    for name in [
        "",
        "*",
        "*.contoso.com",
        "web?",
        "!web1",
        "a,b",
        "a b",
        "a\n",
        "[::1]:22",
    ] {
        assert!(!is_host_name(name), "{name}");
    }
}
