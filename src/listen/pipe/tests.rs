use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::{Door, DoorError};
use super::*;

fn pipe(what: &str) -> PathBuf {
    PathBuf::from(format!(
        r"\\.\pipe\pimento-test-{}-{what}",
        std::process::id()
    ))
}

#[tokio::test]
async fn a_client_is_known_from_the_first_byte_on() {
    let path = pipe("known");
    let door = Door::bind(&path).unwrap();
    let (client, connection) = tokio::join!(connect(&path), door.accept());
    let (mut client, mut connection) = (own(client.unwrap()).unwrap(), connection);
    assert_eq!(connection.caller.pid(), Some(std::process::id()));
    assert!(connection.caller.requester().executable.is_some());
    client.write_all(b"hello").await.unwrap();
    let mut hello = [0; 5];
    connection.stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
}

#[tokio::test]
async fn a_second_agent_is_refused_and_the_first_one_unharmed() {
    let path = pipe("second");
    let first = Door::bind(&path).unwrap();
    assert!(matches!(Door::bind(&path).unwrap_err(), DoorError::Busy(_)));
    let (client, _connection) = tokio::join!(connect(&path), first.accept());
    client.unwrap();
}

#[tokio::test]
async fn a_pipe_that_is_there_without_a_lock_is_left_alone() {
    let path = pipe("foreign");
    let foreign = Door::bind_anywhere(&path).unwrap();
    assert!(matches!(Door::bind(&path).unwrap_err(), DoorError::Busy(_)));
    drop(foreign);
    Door::bind(&path).unwrap();
}

#[tokio::test]
async fn where_nobody_listens_a_client_is_told_so_at_once() {
    let error = connect(&pipe("nobody")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(!answers(&pipe("nobody")).unwrap());
}

#[tokio::test]
async fn a_file_is_no_door() {
    let error = connect(Path::new(r"C:\agent.sock")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    assert!(Door::bind_anywhere(Path::new(r"C:\agent.sock")).is_err());
}

#[test]
fn the_access_list_names_the_user_and_nobody_else() {
    let access = access("S-1-5-21-1-2-3-1001");
    assert_eq!(
        access,
        "O:S-1-5-21-1-2-3-1001D:P(D;;FA;;;NU)(A;;FA;;;S-1-5-21-1-2-3-1001)"
    );
    descriptor().unwrap();
}
