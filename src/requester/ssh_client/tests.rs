use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

fn of(line: &str) -> Purpose {
    let words: Vec<&str> = line.split(' ').collect();
    purpose(&words)
}

#[test]
fn a_host_is_logged_in_to_whatever_stands_around_it() {
    for line in [
        "ssh db01",
        "/usr/bin/ssh root@db01 true",
        "ssh -v -p 2222 -l root db01",
        "ssh -vvp2222 db01 -l root uptime",
        "ssh -o ProxyCommand=none -W h:22 jump",
        "ssh -oBatchMode=yes db01 git-upload-pack repo",
        "ssh -tt db01 -- ssh -G other",
        "ssh -x -oPermitLocalCommand=no -oClearAllForwardings=yes -- db01 sftp",
        "ssh -- db01 -G",
        "ssh -i -G db01",
        "ssh -fN db01",
        "ssh ssh://root@db01:22",
    ] {
        assert_eq!(of(line), Purpose::Login, "{line}");
    }
}

#[test]
fn what_only_reads_the_configuration_or_talks_to_another_ssh_is_no_login() {
    for line in [
        "ssh -G db01",
        "ssh -vG db01",
        "ssh -GF /dev/null db01",
        "ssh -p 22 -G db01",
        "ssh db01 -G",
        "ssh db01 -p 22 -vG true",
        "ssh -O exit db01",
        "ssh -Ocheck db01",
        "ssh -S none -O stop db01",
        "ssh db01 -O exit",
        "ssh -Q cipher",
        "ssh -V",
    ] {
        assert_eq!(of(line), Purpose::Other, "{line}");
    }
}

#[test]
fn what_ssh_itself_refuses_is_no_login() {
    for line in [
        "ssh",
        "ssh -p",
        "ssh -v --",
        "ssh -H db01",
        "ssh -vz db01",
        "ssh --help db01",
    ] {
        assert_eq!(of(line), Purpose::Other, "{line}");
    }
    assert_eq!(purpose::<&[u8]>(&[]), Purpose::Other);
}

#[test]
fn the_command_for_the_host_is_not_read_as_options() {
    assert_eq!(of("ssh db01 ls -G"), Purpose::Login);
    assert_eq!(of("ssh -t db01 sudo -V"), Purpose::Login);
}

#[test]
fn an_option_that_is_read_differently_by_old_and_new_versions_is_read_both_ways() {
    // New: the tag is "-G". Old: the configuration is shown.
    assert_eq!(of("ssh -P -G db01"), Purpose::Other);
    assert_eq!(of("ssh -PG db01"), Purpose::Other);
    assert_eq!(of("ssh -P db01"), Purpose::Other);
    assert_eq!(of("ssh -P tag db01"), Purpose::Login);
}

#[test]
fn an_empty_word_is_a_word() {
    assert_eq!(purpose(&["ssh", "-l", "", "db01"]), Purpose::Login);
    assert_eq!(purpose(&["ssh", "-l", "", "-G", "db01"]), Purpose::Other);
    assert_eq!(purpose(&["ssh", "db01", "", "-G"]), Purpose::Login);
}

#[test]
fn a_program_that_no_ssh_has_started_has_none_above_it() {
    // Whoever runs the tests may be logged in by ssh, but through its server.
    assert_eq!(above(), None);
}

/// An option as it may be written, of those that are read alike by all versions.
fn option() -> impl Strategy<Value = Vec<String>> {
    let alone = ALONE.iter().filter(|letter| **letter != b'P').copied();
    let alone: Vec<u8> = alone.collect();
    let argument = "[a-zG/.-]{1,6}";
    let cluster = proptest::collection::vec(select(alone), 0..3);
    (cluster, select(WITH_ARGUMENT.to_vec()), argument, 0..3_u8).prop_map(
        |(cluster, letter, argument, shape)| {
            let text = |letters: &[u8]| String::from_utf8_lossy(letters).into_owned();
            let (flags, letter) = (text(&cluster), text(&[letter]));
            match shape {
                0 if flags.is_empty() => vec!["-v".to_owned()],
                0 => vec![format!("-{flags}")],
                1 => vec![format!("-{flags}{letter}{argument}")],
                _ => vec![format!("-{flags}{letter}"), argument],
            }
        },
    )
}

fn options_in_a_row() -> impl Strategy<Value = Vec<Vec<String>>> {
    proptest::collection::vec(option(), 0..5)
}

proptest! {
    #[test]
    fn no_arrangement_of_other_options_and_their_arguments_hides_a_login(
        before in options_in_a_row(), after in options_in_a_row(),
        command in proptest::collection::vec("[a-z]{1,4}|-G", 0..3),
    ) {
        let command = command.first().filter(|it| !it.starts_with('-')).map(|_| command.clone());
        let words: Vec<String> = [vec!["ssh".to_owned()], before.concat(), vec!["db01".to_owned()],
            after.concat(), command.unwrap_or_default()].concat();
        prop_assert_eq!(purpose(&words), Purpose::Login, "{:?}", words);
    }

    #[test]
    fn the_option_that_only_shows_the_configuration_is_found_wherever_ssh_takes_it(
        mut before in options_in_a_row(), mut after in options_in_a_row(), at: Index, behind: bool,
        shown in select(vec!["-G", "-vG", "-GG", "-Gv", "-Ocheck", "-NOexit"]),
    ) {
        let place = if behind { &mut after } else { &mut before };
        place.insert(at.index(place.len() + 1), vec![shown.to_owned()]);
        let words: Vec<String> = [vec!["ssh".to_owned()], before.concat(),
            vec!["db01".to_owned()], after.concat()].concat();
        prop_assert_eq!(purpose(&words), Purpose::Other, "{:?}", words);
    }

    #[test]
    fn no_command_line_is_beyond_reading(words in proptest::collection::vec(
        proptest::collection::vec(any::<u8>(), 0..6), 0..8)) {
        let _either = purpose(&words);
    }
}
