use super::*;

#[test]
fn this_process_is_recognised() {
    let me = Requester::of(Some(std::process::id()));
    assert!(me.started.is_some());
    assert!(me.program().starts_with("pimento"), "{}", me.program());
    assert!(!me.ancestors.is_empty());
}

#[test]
fn a_caller_is_looked_up_when_it_matters() {
    let caller = Caller::of(Some(std::process::id()));
    assert!(caller.known.get().is_none());
    assert_eq!(caller.requester(), &Requester::of(Some(std::process::id())));
}

#[test]
fn a_caller_that_has_ended_is_a_number_only() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let caller = Caller::of(Some(child.id()));
    child.wait().unwrap();
    assert_eq!(caller.requester().started, None);
    assert_eq!(caller.requester().pid, Some(child.id()));
    assert_eq!(Caller::of(None).requester(), &Requester::default());
}

#[test]
fn a_process_that_is_not_there_is_named_by_its_number_only() {
    let gone = Requester::of(Some(u32::MAX));
    assert_eq!(gone.started, None);
    assert_eq!(
        gone.describe(),
        format!("unknown program (process {})", u32::MAX)
    );
    assert_eq!(Requester::of(None).describe(), "unknown program");
}
