//! What nears its expiry or is older than it should be: remembered from its use, told once a day.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use crate::support::{World, until};

/// Shows a notice by writing it into the world's folder.
fn notify(folder: &Path) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("notify");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$2\" >> {}/notices\n",
        folder.display()
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    path.display().to_string()
}

async fn world(more: &'static str) -> World {
    let configure = move |folder: &Path, text: String| {
        let text = text.replace(
            "[agent]\n",
            &format!("[agent]\nnotify = {:?}\n", notify(folder)),
        );
        text.replace(
            "window = \"linux-root\"\n",
            &format!("window = \"linux-root\"\n{more}"),
        )
    };
    World::plan().configured(configure).start().await
}

fn notices(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.folder().join("notices")).unwrap_or_default();
    let of_ages = |line: &&str| line.contains("--stale");
    text.lines().filter(of_ages).map(str::to_owned).collect()
}

async fn stale(world: &World) -> (Vec<Value>, Option<i32>) {
    let mut command = world.pimento(&["status", "--stale", "--json"]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let value: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    (value.as_array().unwrap().clone(), output.status.code())
}

async fn state(world: &World, credential: &str) -> String {
    let (all, _) = stale(world).await;
    let of = all
        .iter()
        .find(|it| it["credential"] == credential)
        .unwrap();
    of["state"].as_str().unwrap().to_owned()
}

const DAY: u64 = 24 * 3600;

#[tokio::test(flavor = "multi_thread")]
async fn an_age_is_known_from_use_and_nothing_is_asked_for_its_sake() {
    let world = world("rotate_after = \"90d\"\n").await;
    assert_eq!(state(&world, "web").await, "unknown");
    world.ssh("web").await.assert_ok();
    assert_eq!(
        (state(&world, "web").await, state(&world, "db").await),
        ("fresh".to_owned(), "unknown".to_owned())
    );
    let calls = world.calls();
    world.clock.advance(Duration::from_secs(91 * DAY));
    assert_eq!(state(&world, "web").await, "due");
    assert_eq!(stale(&world).await.1, Some(5));
    until("it is told", || !notices(&world).is_empty()).await;
    assert_eq!(world.calls(), calls, "the cloud was asked");
    let told = notices(&world);
    assert!(
        told[0].starts_with("web: it is 91 days old, and is to be replaced after 90"),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_comes_once_a_day_and_not_again_after_a_restart() {
    let world = world("rotate_after = \"90d\"\n").await;
    world.ssh("web").await.assert_ok();
    world.clock.advance(Duration::from_secs(91 * DAY));
    until("it is told", || notices(&world).len() == 1).await;
    let world = world.restart().await;
    world.clock.advance(Duration::from_secs(DAY / 2));
    // What is remembered is still known.
    assert_eq!(state(&world, "web").await, "due");
    assert_eq!(notices(&world).len(), 1);
    world.clock.advance(Duration::from_secs(DAY / 2 + 60));
    until("it is told again", || notices(&world).len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_expires_soon_is_due_and_a_new_version_ends_that() {
    let world = world("").await;
    world.emulator.change(|cloud| {
        let soon = cloud.now() + SignedDuration::from_hours(24 * 20);
        cloud.set_secret_attributes("kv-linux", "web-root-ssh", true, None, Some(soon));
    });
    world.ssh("web").await.assert_ok();
    assert_eq!(state(&world, "web").await, "due");
    world.emulator.change(|cloud| {
        let same = cloud.secret("kv-linux", "web-root-ssh").unwrap().to_owned();
        cloud.put_secret("kv-linux", "web-root-ssh", &same);
    });
    world.after_the_window();
    world.ssh("web").await.assert_ok();
    assert_eq!(
        (state(&world, "web").await.as_str(), stale(&world).await.1),
        ("fresh", Some(0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_age_in_the_configuration_nothing_grows_old() {
    let world = world("").await;
    world.ssh("web").await.assert_ok();
    world.clock.advance(Duration::from_secs(1000 * DAY));
    assert_eq!(state(&world, "web").await, "fresh");
    assert!(notices(&world).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_age_that_is_none_is_a_mistake_with_its_line() {
    let home = crate::support::home::Home::new().await;
    let home = home.configured(|text| {
        text.replace(
            "[vault.linux]\n",
            "[vault.linux]\nrotate_after = \"soon\"\n",
        )
    });
    let output = home.run(&["ssh-config"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("rotate_after") && said.contains("\"90d\""),
        "{said}"
    );
}
