//! The other sudo: it wraps what it is told to ask, and by itself names nobody.

use crate::desk::{Desk, printed, refused};
use crate::support::etc::OTHER;

#[tokio::test(flavor = "multi_thread")]
async fn sudo_rs_gets_the_password_of_the_account_that_its_prompt_names() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    let Some(sudo) = desk.etc().sudo_rs() else {
        return;
    };
    let sudo = sudo.to_str().unwrap();
    // Its own prompt names nobody, and nothing is configured for that.
    let told = refused(&desk.run_by(sudo, &["id", "-u"]).output().unwrap());
    assert!(
        told.contains("there is no password named \"localhost\""),
        "{told}"
    );
    let mut named = desk.run_by(sudo, &["id", "-u"]);
    let named = named.env("SUDO_PROMPT", "[sudo] password for %p: ");
    assert_eq!(printed(&named.output().unwrap()), "0");
    desk.etc().sudoers("Defaults targetpw");
    let mut target = desk.run_by(sudo, &["-u", OTHER, "id", "-un"]);
    let target = target.env("SUDO_PROMPT", "[sudo] password for %p: ");
    assert_eq!(printed(&target.output().unwrap()), OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn sudo_rs_gets_by_its_own_prompt_the_one_password_that_is_meant_for_it() {
    let uses = "[password.root-here]\nuses = [\"sudo-rs\"]\n";
    let change = |text: String| text.replace("[password.root-here]\n", uses);
    let Some(desk) = Desk::with("Defaults rootpw", change).await else {
        return;
    };
    desk.etc().with_faillock();
    let Some(sudo) = desk.etc().sudo_rs() else {
        return;
    };
    let sudo = sudo.to_str().unwrap();
    assert_eq!(
        printed(&desk.run_by(sudo, &["id", "-u"]).output().unwrap()),
        "0"
    );
    // sudo's own prompt is another use.
    let told = refused(&desk.sudo(&["id", "-u"]).output().unwrap());
    assert!(told.contains("its `uses` do not include sudo"), "{told}");
    desk.etc().set_password("root", "something else");
    let mut wrong = desk.run_by(sudo, &["-k", "id"]);
    let told = refused(&wrong.output().unwrap());
    assert!(told.contains("it seems wrong"), "{told}");
    assert_eq!(desk.etc().failures("root"), 1);
}
