use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use super::super::model::{Approvals, Asking, Message, Told, Waiting};
use super::*;
use crate::clock::Moment;
use crate::control::proto::asked::Outcome;
use crate::control::proto::window::State;
use crate::control::proto::{
    Approval, Asked, Held, Refusal, Refused, Said, StatusReply, Tenant, Window,
};

fn status() -> StatusReply {
    let window = |name: &str, state: State| Window {
        name: name.to_owned(),
        state: state.into(),
        ..Window::default()
    };
    let held = |name: &str| Held {
        credential: name.to_owned(),
        version: "v1".to_owned(),
    };
    StatusReply {
        version: "1.0.0".to_owned(),
        tenants: vec![Tenant {
            name: "contoso".to_owned(),
            user_name: "mia@contoso.onmicrosoft.com".to_owned(),
        }],
        windows: vec![
            Window {
                seconds_left: 1800,
                lasts: 3600,
                ends: "2026-01-02T03:04:05Z".to_owned(),
                held: vec![held("web"), held("db")],
                ..window("linux-root", State::Open)
            },
            Window {
                stage: "PIM: waiting for approval by alex@contoso.onmicrosoft.com".to_owned(),
                approvers: vec!["alex@contoso.onmicrosoft.com".to_owned()],
                request: "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b".to_owned(),
                ..window("production", State::Opening)
            },
            window("lab", State::Closed),
        ],
        asked: vec![
            asked("web", Outcome::Waiting, ""),
            asked("db", Outcome::Refused, "binding"),
        ],
        refused: vec![Refused {
            at: "2026-01-02T03:04:05Z".to_owned(),
            credential: "db".to_owned(),
            refusal: Some(Refusal {
                code: "binding".to_owned(),
                message: "db was refused: the host is web1, and it is for db*.contoso.com"
                    .to_owned(),
                advice: "ask for it on its own host".to_owned(),
                ..Refusal::default()
            }),
            ..Refused::default()
        }],
        warnings: vec!["upstream does not answer".to_owned()],
        ..StatusReply::default()
    }
}

fn asked(name: &str, outcome: Outcome, code: &str) -> Asked {
    Asked {
        at: "2026-01-02T03:04:05Z".to_owned(),
        credential: name.to_owned(),
        end: "to log in as root@web1".to_owned(),
        requester: "ssh (process 7) from bash".to_owned(),
        outcome: outcome.into(),
        code: code.to_owned(),
        ..Asked::default()
    }
}

fn model() -> Model {
    Model::new(status(), Moment::since_boot(std::time::Duration::ZERO))
}

fn drawn(model: &Model, width: u16, height: u16, look: Look) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, look)).unwrap();
    terminal.backend().buffer().clone()
}

fn press(model: &mut Model, keys: &str) {
    for key in keys.chars() {
        let key = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
        let _step = model.press(key);
    }
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    let rows = buffer.content.chunks(width);
    let text = |row: &[ratatui::buffer::Cell]| row.iter().map(|it| it.symbol()).collect::<String>();
    rows.map(|row| text(row).trim_end().to_owned()).collect()
}

fn shown(model: &Model, width: u16, height: u16) -> String {
    rows(&drawn(model, width, height, Look::new(true, true))).join("\n")
}

#[test]
fn on_a_small_screen_all_that_matters_is_there() {
    let told = shown(&model(), 80, 24);
    for text in [
        "pimento 1.0.0  ready",
        "contoso: mia@contoso.onmicrosoft.com",
        "Windows (1 of 3 open)",
        "▸ linux-root  open",
        "0:30:00  until ",
        "holds web, db",
        "production  opening   PIM: waiting for approval",
        "    by alex@contoso.onmicrosoft.com",
        "request 8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b; c takes it back",
        "lab         closed",
        "waiting",
        "refused: binding",
        "ask for it on its own host",
        "! upstream does not answer",
        "o open   c close   L lock",
    ] {
        assert!(told.contains(text), "{text:?} is missing:\n{told}");
    }
}

#[test]
fn on_a_wide_screen_what_happened_stands_beside_what_there_is() {
    let told = shown(&model(), 200, 50);
    let row = told.lines().find(|row| row.contains("Windows (1")).unwrap();
    assert!(row.contains("Asks, newest first"), "{told}");
    assert!(told.contains("ssh (process 7) from bash"), "{told}");
    assert!(told.contains("Credentials"), "{told}");
}

#[test]
fn whatever_the_size_nothing_breaks_and_the_keys_stay() {
    for width in (1..=210).step_by(7) {
        for height in 1..=60 {
            let told = shown(&model(), width, height);
            if width >= 60 && height >= 12 {
                let last = told.lines().last().unwrap();
                assert!(last.starts_with("o open"), "{width}x{height}:\n{told}");
            }
        }
    }
}

#[test]
fn the_selected_window_is_seen_however_many_there_are() {
    let mut model = model();
    model.status.windows = (0..80)
        .map(|number| Window {
            name: format!("window-{number}"),
            ..Window::default()
        })
        .collect();
    for (steps, selected) in [(0, 0), (40, 40), (39, 79)] {
        press(&mut model, &"j".repeat(steps));
        let told = shown(&model, 80, 24);
        assert!(told.contains(&format!("▸ window-{selected} ")), "{told}");
    }
}

#[test]
fn without_color_there_is_none_and_the_same_is_said() {
    let (colored, plain) = (Look::new(true, true), Look::new(false, true));
    for mode in [Mode::Windows, Mode::Help] {
        let model = Model { mode, ..model() };
        let (colored, plain) = (drawn(&model, 80, 24, colored), drawn(&model, 80, 24, plain));
        assert_eq!(rows(&colored), rows(&plain));
        assert!(colored.content.iter().any(|cell| cell.fg != Color::Reset));
        for cell in &plain.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
        }
        // A background of ours would be wrong on a light terminal, or on a dark one.
        assert!(colored.content.iter().all(|cell| cell.bg == Color::Reset));
    }
}

#[test]
fn a_terminal_without_unicode_gets_none() {
    let model = model();
    for (width, height) in [(80, 24), (200, 50)] {
        let buffer = drawn(&model, width, height, Look::new(true, false));
        assert!(
            rows(&buffer).iter().all(|row| row.is_ascii()),
            "{:#?}",
            rows(&buffer)
        );
    }
}

#[test]
fn an_end_that_is_near_or_over_is_said_in_words() {
    let mut model = model();
    model.status.windows[0].seconds_left = 90;
    assert!(shown(&model, 80, 24).contains("ends soon"));
    model.now = model.now.after(std::time::Duration::from_secs(91));
    assert!(shown(&model, 80, 24).contains("ended "));
}

#[test]
fn an_agent_that_is_gone_and_a_lock_are_told() {
    let mut model = model();
    model.status.locked = true;
    let told = shown(&model, 80, 24);
    assert!(
        told.contains("LOCKED") && told.contains("L unlock"),
        "{told}"
    );
    model.lost = Some("connection refused".to_owned());
    let told = shown(&model, 80, 24);
    assert!(told.contains("no agent"), "{told}");
    assert!(
        told.contains("The agent is gone (connection refused)"),
        "{told}"
    );
}

#[test]
fn what_somebody_wrote_does_nothing_to_the_screen() {
    let mut model = model();
    model.status.asked[0].end = "to run\u{1b}[2J\nrm".to_owned();
    model.status.refused[0].credential = "a\tprompt\u{7}".to_owned();
    model.message = Some(Message {
        text: "a\u{1b}b".to_owned(),
        tone: Tone::Bad,
    });
    let buffer = drawn(&model, 200, 50, Look::new(true, true));
    let control = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(char::is_control);
    assert!(!buffer.content.iter().any(control));
}

#[test]
fn a_question_shows_what_is_typed_and_where() {
    let mut model = model();
    model.told(Told::Needs {
        window: "linux-root".to_owned(),
        said: Said::default(),
        what: "reason".to_owned(),
        last: "INC-7".to_owned(),
    });
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let look = Look::new(true, true);
    terminal.draw(|frame| draw(frame, &model, look)).unwrap();
    terminal.backend_mut().assert_cursor_position((7, 22));
    let told = rows(terminal.backend().buffer()).join("\n");
    assert!(told.contains("Reason for linux-root\n> INC-7\n"), "{told}");
    let Mode::Asking(asking) = &model.mode else {
        panic!("it asks")
    };
    let Asking { input, .. } = &**asking;
    assert_eq!(input.text(), "INC-7");
}

#[test]
fn approvals_tell_who_asks_for_what_and_why() {
    let waiting = |who: &str| Waiting {
        tenant: "contoso".to_owned(),
        approval: Approval {
            who: who.to_owned(),
            what: "member of Production".to_owned(),
            reason: "INC-9: the disk is full".to_owned(),
            seconds: 3600,
            ..Approval::default()
        },
    };
    let mut model = model();
    model.mode = Mode::Approvals(Approvals::default());
    assert!(shown(&model, 80, 24).contains("asking PIM"));
    model.told(Told::Approvals(Vec::new(), Vec::new()));
    assert!(shown(&model, 80, 24).contains("nothing waits for you"));
    model.told(Told::Approvals(
        vec![waiting("kim"), waiting("lee")],
        Vec::new(),
    ));
    let told = shown(&model, 80, 24);
    assert!(
        told.contains("▸ kim asks to be member of Production for 1 h 00 min"),
        "{told}"
    );
    assert!(told.contains("why: INC-9: the disk is full"), "{told}");
}

fn requests(count: usize, reason: &str) -> Told {
    let one = |number: usize| Waiting {
        tenant: "contoso".to_owned(),
        approval: Approval {
            id: format!("r{number}"),
            who: format!("person-{number}"),
            what: "member of Production".to_owned(),
            reason: reason.to_owned(),
            ticket: "SNOW:7".to_owned(),
            ..Approval::default()
        },
    };
    Told::Approvals((0..count).map(one).collect(), Vec::new())
}

#[test]
fn the_selected_request_is_seen_however_many_there_are() {
    for (size, reason) in [
        ((80, 24), "short"),
        ((40, 10), &"a long reason ".repeat(30)),
    ] {
        let mut model = model();
        model.mode = Mode::Approvals(Approvals::default());
        model.told(requests(30, reason));
        for (steps, selected) in [(0, 0), (9, 9), (20, 29)] {
            press(&mut model, &"j".repeat(steps));
            let told = shown(&model, size.0, size.1);
            assert!(told.contains(&format!("▸ person-{selected} ")), "{told}");
            let title = format!("approval, {} of 30", selected + 1);
            assert!(told.contains(&title), "{told}");
        }
    }
}

#[test]
fn what_is_typed_and_the_keys_stay_where_the_question_has_no_room() {
    let mut model = model();
    model.mode = Mode::Approvals(Approvals::default());
    model.told(requests(1, &"a long reason ".repeat(30)));
    press(&mut model, "abecause");
    for message in [None, Some("write something, or Esc to leave it ".repeat(4))] {
        model.message = message.map(|text| Message {
            text,
            tone: Tone::Bad,
        });
        for (width, height) in [(40, 10), (80, 24), (60, 13)] {
            let told = shown(&model, width, height);
            let lines: Vec<&str> = told.lines().rev().take(2).collect();
            assert!(lines[0].starts_with("Enter take it"), "{told}");
            assert_eq!(lines[1], "> because", "{told}");
            assert!(told.contains("Why do you approve it?"), "{told}");
        }
    }
    assert!(shown(&model, 80, 24).contains("Ticket: SNOW:7."));
}
