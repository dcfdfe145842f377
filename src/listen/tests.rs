use std::os::unix::fs::PermissionsExt;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .permissions(PermissionsExt::from_mode(0o700))
        .tempdir()
        .unwrap()
}

#[tokio::test]
async fn a_client_is_known_from_the_first_byte_on() {
    let folder = folder();
    let path = folder.path().join("run/agent.sock");
    let door = Door::bind(&path).unwrap();
    let (client, connection) = tokio::join!(connect(&path), door.accept());
    let (mut client, mut connection) = (client.unwrap(), connection);
    assert_eq!(connection.caller.pid(), Some(std::process::id()));
    client.write_all(b"hello").await.unwrap();
    let mut hello = [0; 5];
    connection.stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
}

#[tokio::test]
async fn the_socket_and_its_folder_are_the_owners_alone() {
    let folder = folder();
    let path = folder.path().join("run/agent.sock");
    let _door = Door::bind(&path).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_folder_that_others_can_enter_is_refused() {
    let folder = folder();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let refused = Door::bind(&folder.path().join("agent.sock")).unwrap_err();
    assert!(matches!(refused, DoorError::Folder(_)), "{refused}");
}

#[tokio::test]
async fn a_second_agent_is_refused_and_the_first_one_unharmed() {
    let folder = folder();
    let path = folder.path().join("agent.sock");
    let first = Door::bind(&path).unwrap();
    assert!(matches!(Door::bind(&path).unwrap_err(), DoorError::Busy(_)));
    let (client, _connection) = tokio::join!(connect(&path), first.accept());
    client.unwrap();
}

#[tokio::test]
async fn an_agent_of_somebody_else_on_the_same_path_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("agent.sock");
    let foreign = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(matches!(Door::bind(&path).unwrap_err(), DoorError::Busy(_)));
    drop(foreign);
    Door::bind(&path).unwrap();
}

#[tokio::test]
async fn a_listener_that_is_stuck_with_a_full_queue_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("agent.sock");
    let foreign = std::os::unix::net::UnixListener::bind(&path).unwrap();
    rustix::net::listen(&foreign, 0).unwrap();
    // A queue of length 0 holds one.
    let _queued = std::os::unix::net::UnixStream::connect(&path).unwrap();
    assert!(matches!(Door::bind(&path).unwrap_err(), DoorError::Busy(_)));
    assert!(path.exists());
}

#[tokio::test]
async fn of_many_that_start_at_once_on_a_stale_socket_one_wins() {
    let folder = folder();
    let path = folder.path().join("agent.sock");
    // A listener that is dropped leaves its socket, as one that is killed does.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let start = std::sync::Barrier::new(8);
    let runtime = tokio::runtime::Handle::current();
    let bind = || {
        let _context = runtime.enter();
        start.wait();
        Door::bind(&path)
    };
    let doors: Vec<_> = std::thread::scope(|scope| {
        let starters: Vec<_> = (0..8).map(|_| scope.spawn(bind)).collect();
        starters
            .into_iter()
            .map(|starter| starter.join().unwrap())
            .collect()
    });
    assert_eq!(doors.iter().filter(|door| door.is_ok()).count(), 1);
    connect(&path).await.unwrap();
}

#[tokio::test]
async fn a_client_beyond_the_cap_waits_for_room() {
    let folder = folder();
    let path = folder.path().join("agent.sock");
    let mut door = Door::bind(&path).unwrap();
    door.room = Arc::new(Semaphore::new(1));
    let _clients = (connect(&path).await.unwrap(), connect(&path).await.unwrap());
    let first = door.accept().await;
    let mut second = Box::pin(door.accept());
    assert!(futures_util::poll!(&mut second).is_pending());
    drop(first);
    second.await;
}

#[tokio::test]
async fn a_link_in_place_of_the_socket_is_not_followed() {
    let folder = folder();
    let path = folder.path().join("agent.sock");
    let target = folder.path().join("precious");
    std::fs::write(&target, "mine").unwrap();
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let refused = Door::bind(&path).unwrap_err();
    assert!(matches!(refused, DoorError::Io { .. }), "{refused}");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "mine");
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_named() {
    let folder = folder();
    let refused = Door::bind(&folder.path().join("x".repeat(120))).unwrap_err();
    assert!(
        refused.to_string().starts_with("cannot listen on /"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_not_removed() {
    let folder = folder();
    let path = folder.path().join("agent.sock");
    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(
        Door::bind(&path).unwrap_err(),
        DoorError::Io { .. }
    ));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
}

#[tokio::test]
async fn a_door_that_is_closed_leaves_no_socket() {
    let folder = folder();
    let path = folder.path().join("agent.sock");
    drop(Door::bind(&path).unwrap());
    assert!(!path.exists());
    connect(&path).await.unwrap_err();
}

#[tokio::test]
async fn a_socket_that_somebody_has_put_in_the_place_of_ours_stays() {
    let folder = folder();
    let path = folder.path().join("agent.sock");
    let door = Door::bind(&path).unwrap();
    // As systemd does when its socket unit is started: it takes away what is there.
    std::fs::remove_file(&path).unwrap();
    let theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(door);
    std::os::unix::net::UnixStream::connect(&path).unwrap();
    drop(theirs);
}
