use proptest::prelude::*;

use super::*;
use crate::catalog::Kind;
use crate::catalog::testing::password;
use crate::requester::Ancestor;

/// A helper below this very process, which is neither sudo nor ssh.
fn helper() -> Requester {
    let pid = std::process::id();
    let above = Ancestor {
        pid,
        started: requester::started(pid).unwrap_or_default(),
        name: "test".to_owned(),
    };
    Requester {
        pid: Some(u32::MAX),
        ancestors: vec![above],
        ..Requester::default()
    }
}

fn asker(program: Program) -> Asker {
    Asker {
        pid: 7,
        started: 1,
        command: vec!["sudo".to_owned(), "-A".to_owned(), "id".to_owned()],
        program: Some(program),
    }
}

fn with(name: &str, hosts: &[&str], uses: &[PasswordUse]) -> Arc<Credential> {
    let mut made = password(name);
    made.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    if let (Kind::Password(password), false) = (&mut made.kind, uses.is_empty()) {
        password.uses = uses.to_vec();
    }
    Arc::new(made)
}

fn catalog() -> Catalog {
    Catalog::new(vec![
        with("db", &["db01.contoso.com"], &[]),
        with("local", &["localhost"], &[]),
        with("nowhere", &[], &[]),
        with("registry", &["reg.contoso.com"], &[PasswordUse::Docker]),
        with("forge", &["reg.contoso.com"], &[PasswordUse::Git]),
    ])
}

/// What a prompt of `program` finds.
fn found(program: Program, prompt: &str) -> Result<String, &'static str> {
    let wanted = Wanted::by(prompt).ok_or("unknown")?;
    let found = receiver(wanted, &asker(program)).and_then(|it| fitting(&catalog(), &it));
    found.map(|it| it.name.to_string()).map_err(|no| no.code())
}

#[test]
fn the_exact_prompts_of_sudo_and_ssh_find_the_one_password_that_fits() {
    let ssh = found(Program::Ssh, "root@db01.contoso.com's password: ");
    assert_eq!(ssh.as_deref(), Ok("db"));
    let keyboard = found(Program::Ssh, "(root@db01.contoso.com) Password: ");
    assert_eq!(keyboard.as_deref(), Ok("db"));
    let sudo = found(Program::Sudo, "[sudo] password for root: ");
    assert_eq!(sudo.as_deref(), Ok("local"));
}

#[test]
fn another_account_or_host_finds_none() {
    let prompt = "root@web01's password: ";
    assert_eq!(found(Program::Ssh, prompt), Err("no_match"));
    let prompt = "alice@db01.contoso.com's password: ";
    assert_eq!(found(Program::Ssh, prompt), Err("no_match"));
    let prompt = "[sudo] password for alice: ";
    assert_eq!(found(Program::Sudo, prompt), Err("no_match"));
}

#[test]
fn a_prompt_that_names_no_account_finds_only_what_is_meant_for_it() {
    let prompt = "[sudo: authenticate] Password: ";
    assert_eq!(found(Program::Sudo, prompt), Err("no_match"));
    let meant = Catalog::new(vec![with("rs", &["localhost"], &[PasswordUse::SudoRs])]);
    let receiver = receiver(Wanted::SudoRs, &asker(Program::Sudo)).unwrap();
    assert_eq!(fitting(&meant, &receiver).unwrap().name.as_str(), "rs");
}

#[test]
fn a_prompt_of_another_program_than_it_says_finds_none() {
    let prompt = "[sudo] password for root: ";
    assert_eq!(found(Program::Ssh, prompt), Err("unsupported"));
    let prompt = "root@db01.contoso.com's password: ";
    assert_eq!(found(Program::Sudo, prompt), Err("unsupported"));
    let unknown = Asker {
        program: None,
        ..asker(Program::Sudo)
    };
    let refused = receiver(Wanted::Sudo { user: "root" }, &unknown).unwrap_err();
    assert_eq!(refused.code(), "unsupported");
}

#[test]
fn of_several_that_fit_the_use_decides_and_else_none_is_taken() {
    let receiver = |to, host: &str| Receiver {
        to,
        user: Some("root".to_owned()),
        host: host.to_owned(),
        command: Vec::new(),
    };
    let git = fitting(&catalog(), &receiver(PasswordUse::Git, "reg.contoso.com"));
    assert_eq!(git.unwrap().name.as_str(), "forge");
    let twice = Catalog::new(vec![with("a", &["*"], &[]), with("b", &["db*"], &[])]);
    let refused = fitting(&twice, &receiver(PasswordUse::Ssh, "db01")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "more than one password fits root@db01: a, b"
    );
}

fn mark(pid: u32, started: u64, prompt: &str) -> Answered {
    Answered {
        pid,
        started,
        prompt: prompt.to_owned(),
    }
}

#[test]
fn a_second_ask_of_the_same_process_is_never_answered() {
    let prompts = Prompts::default();
    assert!(prompts.mark(mark(7, 1, "a")).is_ok());
    assert_eq!(prompts.mark(mark(7, 1, "a")), Err(Full::Answered));
    assert_eq!(prompts.mark(mark(7, 1, "a")), Err(Full::Answered));
    assert!(prompts.mark(mark(7, 2, "a")).is_ok(), "another process");
}

#[cfg(target_os = "linux")]
#[test]
fn an_answer_is_never_forgotten_while_the_process_that_got_it_lives() {
    let pid = std::process::id();
    let started = requester::started(pid).unwrap();
    let prompts = Prompts::default();
    for number in 0..REMEMBERED - 1 {
        // Another start: a process of the past, whose id this one has.
        let past = mark(pid, started - 1, &number.to_string());
        assert!(prompts.mark(past).is_ok());
    }
    assert!(prompts.mark(mark(pid, started, "0")).is_ok());
    let made_room = prompts.mark(mark(pid, started, "1"));
    assert!(made_room.is_ok(), "the past makes room");
    assert!(prompts.mark(mark(pid, started, "0")).is_err());
    for number in 2..REMEMBERED {
        let another = mark(pid, started, &number.to_string());
        assert!(prompts.mark(another).is_ok());
    }
    assert!(prompts.mark(mark(pid, started, "full")).is_err());
    assert!(prompts.mark(mark(pid, started, "0")).is_err());
}

#[test]
fn a_program_that_is_not_above_the_helper_gets_nothing() {
    let prompt = "root@db01.contoso.com's password: ";
    assert_eq!(answered(&Arc::default(), prompt, 8), Err("unsupported"));
}

#[cfg(target_os = "linux")]
#[test]
fn an_announced_prompt_is_answered_once_for_the_host_it_was_announced_for() {
    let prompts = Arc::new(Prompts::default());
    let me = Requester::of(Some(std::process::id()));
    let announced = prompts.announce(&me, there(&["id"]));
    let prompt = announced.ok().unwrap().prompt.replace("%p", "root");
    let there = answered(&prompts, &prompt, 0);
    assert_eq!(there.as_deref(), Ok("db for root@db01.contoso.com"));
    assert_eq!(answered(&prompts, &prompt, 0), Err("again"));
    let here = prompts.announce(&me, Plan::default()).ok().unwrap();
    let prompt = here.prompt.replace("%p", "root");
    let there = answered(&prompts, &prompt, 0);
    assert_eq!(there.as_deref(), Ok("local for root@localhost"));
}

#[cfg(target_os = "linux")]
#[test]
fn an_ask_that_came_to_nothing_is_no_answer() {
    let prompts = Arc::new(Prompts::default());
    let me = Requester::of(Some(std::process::id()));
    let announced = prompts.announce(&me, there(&[])).ok().unwrap();
    let prompt = announced.prompt.replace("%p", "root");
    let ask = || prompts.answer(&catalog(), &prompt, 0, &helper()).ok();
    drop(ask().expect("the first"));
    ask().expect("the first was not given").claim.given();
    assert!(ask().is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn an_ask_for_another_account_does_not_free_an_announced_prompt_for_a_second_answer() {
    let prompts = Arc::new(Prompts::default());
    let me = Requester::of(Some(std::process::id()));
    let announced = prompts.announce(&me, there(&[])).ok().unwrap();
    let root = announced.prompt.replace("%p", "root");
    let stranger = announced.prompt.replace("%p", "stranger");
    assert!(answered(&prompts, &root, 0).is_ok());
    assert_eq!(answered(&prompts, &stranger, 0), Err("no_match"));
    assert_eq!(answered(&prompts, &root, 0), Err("again"));
}

/// A host by the name that was typed, and the one that ssh knows it by.
#[cfg(target_os = "linux")]
fn there(command: &[&str]) -> Plan {
    Plan {
        hosts: vec!["db".to_owned(), "db01.contoso.com".to_owned()],
        command: command.iter().map(|&word| word.to_owned()).collect(),
        said: Said::default(),
    }
}

/// What a prompt is answered with below this very process.
fn answered(prompts: &Arc<Prompts>, prompt: &str, asker: u32) -> Result<String, &'static str> {
    match prompts.answer(&catalog(), prompt, asker, &helper()) {
        Ok(answer) => {
            let account = answer.receiver.account();
            let found = format!("{} for {account}", answer.credential.name);
            answer.claim.given();
            Ok(found)
        }
        Err(Unanswered::Again(_)) => Err("again"),
        Err(Unanswered::No(refusal)) => Err(refusal.code()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_prompt_that_is_made_up_is_answered(
        prompt in prop_oneof![
            ".{0,80}",
            // Almost one of ours: other words, brackets and spaces around an account that exists.
            "(\\[sudo\\] )?(password|Password|Kennwort|code)( for)? root(@db01.contoso.com)?:? ?",
            "\\(?root@(db01.contoso.com)?\\)?('s)? (old |new )?(password|Code|PIN)?: ?.?",
            "\\[pimento [0-9a-f]{32}\\] password for root: ",
        ]
    ) {
        let me = std::process::id();
        let answer = Arc::new(Prompts::default()).answer(&catalog(), &prompt, me, &helper());
        prop_assert!(answer.is_err());
    }
}
