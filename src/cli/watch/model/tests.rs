use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::control::proto::Tenant;
use crate::control::proto::window::State;

fn window(name: &str, state: State) -> Window {
    Window {
        name: name.to_owned(),
        state: state.into(),
        seconds_left: 60,
        ..Window::default()
    }
}

fn model() -> Model {
    let status = StatusReply {
        windows: vec![
            window("ops", State::Closed),
            window("prod", State::Open),
            window("lab", State::Opening),
        ],
        tenants: vec![Tenant {
            name: "contoso".to_owned(),
            user_name: "mia".to_owned(),
        }],
        ..StatusReply::default()
    };
    Model::new(status, at(0))
}

fn at(seconds: u64) -> Moment {
    Moment::since_boot(std::time::Duration::from_secs(seconds))
}

fn press(model: &mut Model, keys: &str) -> Step {
    let mut step = Step::Nothing;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            key => KeyCode::Char(key),
        };
        step = model.press(KeyEvent::new(code, KeyModifiers::NONE));
    }
    step
}

fn opens(step: Step) -> (String, Said) {
    match step {
        Step::Do(Action::Open { window, said }) => (window, said),
        other => panic!("{other:?}"),
    }
}

fn said(model: &Model) -> &str {
    model.message.as_ref().map_or("", |it| it.text.as_str())
}

#[test]
fn a_window_is_opened_with_the_reason_that_is_typed_when_one_is_needed() {
    let mut model = model();
    let (window, said) = opens(press(&mut model, "o"));
    assert_eq!((window.as_str(), said.client_asks), ("ops", true));
    model.told(Told::Needs {
        window,
        said,
        what: "reason".to_owned(),
        last: "INC-1".to_owned(),
    });
    let (window, said) = opens(press(&mut model, " again\n"));
    assert_eq!(
        (window.as_str(), said.reason.as_str()),
        ("ops", "INC-1 again")
    );
    model.told(Told::Needs {
        window,
        said,
        what: "ticket".to_owned(),
        last: String::new(),
    });
    assert_eq!(press(&mut model, "42\n"), Step::Nothing);
    assert!(
        model
            .message
            .as_ref()
            .unwrap()
            .text
            .contains("SYSTEM:NUMBER")
    );
    press(&mut model, "\u{8}");
    assert_eq!(press(&mut model, "\n"), Step::Nothing);
    let Mode::Asking(asking) = &mut model.mode else {
        panic!("it is asked again")
    };
    asking.input = Input::proposing("SNOW:1");
    let (_, said) = opens(press(&mut model, "\n"));
    assert_eq!(said.reason, "INC-1 again");
    assert_eq!(
        (said.ticket_system.as_str(), said.ticket_number.as_str()),
        ("SNOW", "1")
    );
}

#[test]
fn nothing_is_typed_is_no_reason_and_escape_opens_nothing() {
    let mut model = model();
    model.told(Told::Needs {
        window: "ops".to_owned(),
        said: Said::default(),
        what: "reason".to_owned(),
        last: String::new(),
    });
    assert_eq!(press(&mut model, "  \n"), Step::Nothing);
    assert!(matches!(model.mode, Mode::Asking(_)));
    // Keys of the list are letters here.
    assert_eq!(press(&mut model, "qcL"), Step::Nothing);
    assert_eq!(press(&mut model, "\u{1b}"), Step::Nothing);
    assert!(matches!(model.mode, Mode::Windows));
    assert_eq!(said(&model), "nothing was opened");
}

#[test]
fn a_window_is_closed_after_a_question_and_only_by_yes() {
    let mut model = model();
    press(&mut model, "c");
    assert_eq!(said(&model), "ops is closed already");
    assert_eq!(press(&mut model, "jcn"), Step::Nothing);
    assert_eq!(said(&model), "prod stays as it is");
    let window = "prod".to_owned();
    assert_eq!(press(&mut model, "cy"), Step::Do(Action::Close { window }));
    assert_eq!(press(&mut model, "o"), Step::Nothing);
    assert_eq!(said(&model), "prod is open already");
    let window = "lab".to_owned();
    assert_eq!(press(&mut model, "jcy"), Step::Do(Action::Close { window }));
}

#[test]
fn the_lock_is_one_key_and_so_is_its_end() {
    let mut model = model();
    assert_eq!(press(&mut model, "l"), Step::Nothing);
    assert_eq!(
        press(&mut model, "L"),
        Step::Do(Action::Lock { locked: true })
    );
    model.status.locked = true;
    assert_eq!(
        press(&mut model, "L"),
        Step::Do(Action::Lock { locked: false })
    );
}

#[test]
fn the_selection_stays_with_its_window_and_inside_the_list() {
    let mut model = model();
    press(&mut model, "jjjj");
    assert_eq!(model.window().unwrap().name, "lab");
    let mut status = model.status.clone();
    status.windows.rotate_right(1);
    model.update(status.clone(), at(1));
    assert_eq!(
        (model.selected.at(), model.window().unwrap().name.as_str()),
        (0, "lab")
    );
    press(&mut model, "kG");
    status.windows.truncate(1);
    model.update(status.clone(), at(2));
    assert_eq!(model.selected.at(), 0);
    status.windows.clear();
    model.update(status, at(3));
    assert_eq!(press(&mut model, "jocGk"), Step::Nothing);
}

#[test]
fn a_countdown_goes_on_between_two_answers_and_stops_at_nothing() {
    let mut model = model();
    model.now = at(45);
    let left = |model: &Model| model.left(&model.status.windows[1]);
    assert_eq!(left(&model), 15);
    model.now = at(61);
    assert_eq!(left(&model), 0);
}

#[test]
fn requests_are_decided_with_a_reason_and_the_list_is_asked_for_anew() {
    let mut model = model();
    let tenants = vec!["contoso".to_owned()];
    let list = Step::Do(Action::Approvals { tenants });
    assert_eq!(press(&mut model, "a"), list);
    assert_eq!(press(&mut model, "a"), Step::Nothing);
    let waiting = Waiting {
        tenant: "contoso".to_owned(),
        approval: Approval {
            id: "r1".to_owned(),
            ..Approval::default()
        },
    };
    model.told(Told::Approvals(
        vec![Waiting::default(), waiting],
        Vec::new(),
    ));
    assert_eq!(press(&mut model, "jd\n"), Step::Nothing);
    let Step::Do(decision) = press(&mut model, "no\n") else {
        panic!("it is decided")
    };
    let expected = Action::Decide {
        tenant: "contoso".to_owned(),
        id: "r1".to_owned(),
        approve: false,
        reason: "no".to_owned(),
    };
    assert_eq!(decision, expected);
    model.told(Told::Decided("denied r1".to_owned()));
    assert_eq!(model.looks_again(), list);
    press(&mut model, "\u{1b}");
    assert_eq!(model.looks_again(), Step::Nothing);
}

fn waiting(id: &str) -> Waiting {
    Waiting {
        tenant: "contoso".to_owned(),
        approval: Approval {
            id: id.to_owned(),
            who: format!("who {id}"),
            what: format!("what {id}"),
            ..Approval::default()
        },
    }
}

fn listed(ids: &[&str]) -> Told {
    Told::Approvals(ids.iter().map(|id| waiting(id)).collect(), Vec::new())
}

#[test]
fn the_request_that_is_selected_stays_so_when_one_before_it_is_gone() {
    let mut model = model();
    press(&mut model, "a");
    model.told(listed(&["r1", "r2", "r3"]));
    press(&mut model, "j");
    model.told(listed(&["r2", "r3"]));
    press(&mut model, "a");
    let Mode::Asking(asking) = &model.mode else {
        panic!("it is asked why")
    };
    assert!(
        asking.question.contains("who r2 asks to be what r2"),
        "{}",
        asking.question
    );
    let Step::Do(Action::Decide { id, .. }) = press(&mut model, "yes\n") else {
        panic!("it is decided")
    };
    assert_eq!(id, "r2");
    model.told(listed(&[]));
    assert_eq!(press(&mut model, "ja"), Step::Nothing);
}

#[test]
fn what_is_asked_late_does_not_take_over_what_is_typed_for_something_else() {
    let mut model = model();
    press(&mut model, "a");
    model.told(listed(&["r1"]));
    press(&mut model, "dbec");
    model.told(Told::Needs {
        window: "linux-root".to_owned(),
        said: Said::default(),
        what: "reason".to_owned(),
        last: String::new(),
    });
    assert_eq!(said(&model), "linux-root needs a reason: `o` asks for it");
    let Step::Do(Action::Decide { id, reason, .. }) = press(&mut model, "ause\n") else {
        panic!("it is decided")
    };
    assert_eq!((id.as_str(), reason.as_str()), ("r1", "because"));
}

#[test]
fn approvals_that_cannot_be_listed_leave_no_empty_frame_and_need_a_sign_in() {
    let mut model = model();
    press(&mut model, "a");
    model.told(Told::Failed {
        message: "no".to_owned(),
        advice: "do this".to_owned(),
    });
    assert!(matches!(model.mode, Mode::Windows));
    assert_eq!(said(&model), "no; do this");
    model.status.tenants[0].user_name.clear();
    assert_eq!(press(&mut model, "a"), Step::Nothing);
    assert!(said(&model).contains("pimento login"));
}

#[test]
fn what_one_tenant_does_not_tell_hides_nothing_of_another() {
    let mut model = model();
    press(&mut model, "a");
    let why = "fabrikam: nobody has signed in; `pimento login fabrikam`".to_owned();
    model.told(Told::Approvals(vec![waiting("r1")], vec![why.clone()]));
    assert_eq!(said(&model), why);
    press(&mut model, "d");
    let Step::Do(Action::Decide { id, .. }) = press(&mut model, "no\n") else {
        panic!("it is decided")
    };
    assert_eq!(id, "r1");
}

#[test]
fn a_verdict_is_asked_for_with_the_reason_the_ticket_and_the_time() {
    let mut model = model();
    press(&mut model, "a");
    let mut one = waiting("r1");
    one.approval.reason = "INC-9: the disk is full".to_owned();
    one.approval.ticket = "SNOW:7".to_owned();
    one.approval.seconds = 3600;
    model.told(Told::Approvals(vec![one], Vec::new()));
    press(&mut model, "a");
    let Mode::Asking(asking) = &model.mode else {
        panic!("it is asked why")
    };
    assert_eq!(
        asking.question,
        "Why do you approve it? who r1 asks to be what r1 for 1 h 00 min, and gets to see it, as PIM \
         does. Ticket: SNOW:7. Their reason: INC-9: the disk is full"
    );
}

#[test]
fn only_the_one_key_closes_a_window() {
    for no in ["c", "Y", "n", "\n"] {
        let mut model = model();
        assert_eq!(press(&mut model, "jc"), Step::Nothing);
        assert_eq!(press(&mut model, no), Step::Nothing, "{no:?}");
        assert_eq!(said(&model), "prod stays as it is");
    }
}

#[test]
fn a_key_that_is_meant_for_something_else_does_nothing() {
    for keys in ["j", "jc", "?", "a"] {
        for modifiers in [KeyModifiers::CONTROL, KeyModifiers::ALT] {
            let mut model = model();
            press(&mut model, keys);
            let before = std::mem::discriminant(&model.mode);
            for key in ['o', 'c', 'y', 'L', 'a', 'd', 'q', 'j'] {
                let key = KeyEvent::new(KeyCode::Char(key), modifiers);
                if key.code != KeyCode::Char('c') || modifiers == KeyModifiers::ALT {
                    assert_eq!(model.press(key), Step::Nothing, "{keys:?} {key:?}");
                }
            }
            assert_eq!(std::mem::discriminant(&model.mode), before, "{keys:?}");
            assert_eq!(model.selected.at(), usize::from(keys.starts_with('j')));
        }
    }
}

#[test]
fn what_is_pasted_is_a_part_of_a_line_and_no_key() {
    let mut model = model();
    press(&mut model, "j");
    model.paste("success");
    assert!(matches!(model.mode, Mode::Windows));
    press(&mut model, "c");
    model.paste("y");
    assert!(matches!(model.mode, Mode::Closing { .. }));
    press(&mut model, "n");
    model.told(Told::Needs {
        window: "ops".to_owned(),
        said: Said::default(),
        what: "reason".to_owned(),
        last: String::new(),
    });
    model.paste("INC-1\ny\n");
    let (_, said) = opens(press(&mut model, "\n"));
    assert_eq!(said.reason, "INC-1 y");
}

#[test]
fn control_c_ends_it_whatever_is_shown() {
    for keys in ["", "?", "jc", "a"] {
        let mut model = model();
        press(&mut model, keys);
        let control = |key| KeyEvent::new(KeyCode::Char(key), KeyModifiers::CONTROL);
        assert_eq!(model.press(control('z')), Step::Suspend);
        assert_eq!(model.press(control('c')), Step::Quit);
    }
    assert_eq!(press(&mut model(), "?q"), Step::Nothing);
    assert_eq!(press(&mut model(), "q"), Step::Quit);
}
