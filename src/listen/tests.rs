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
    assert_eq!(connection.requester.pid, Some(std::process::id()));
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
