//! The other end of a connection: which address it has bound, and whether it is still there.

use std::io;

use interprocess::local_socket::tokio::Stream;

/// The abstract address that the client has bound before it connected, without its leading zero.
#[cfg(target_os = "linux")]
pub(super) fn address(stream: &Stream) -> Option<Vec<u8>> {
    use rustix::net::{SocketAddrUnix, getpeername};
    let Stream::UdSocket(socket) = stream;
    let address = getpeername(socket.inner()).ok()??;
    let address = SocketAddrUnix::try_from(address).ok()?;
    address.abstract_name().map(<[u8]>::to_vec)
}

/// Waits until the client has closed its end. That it sends no more is not enough: systemd says so
/// at once.
#[cfg(target_os = "linux")]
pub(super) async fn hung_up(stream: &Stream) -> io::Result<()> {
    use rustix::fd::AsFd as _;
    use tokio::io::Interest;
    use tokio::net::UnixStream;
    let Stream::UdSocket(socket) = stream;
    // Another descriptor: an event that is taken here is not missed by whoever writes.
    let watched = socket.inner().as_fd().try_clone_to_owned()?;
    let watched = UnixStream::from_std(watched.into())?;
    loop {
        if watched.ready(Interest::WRITABLE).await?.is_write_closed() {
            return Ok(());
        }
        let again = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
        let _until_the_next_event = watched.try_io(Interest::WRITABLE, again).is_err();
    }
}

/// Elsewhere there are no such addresses.
#[cfg(not(target_os = "linux"))]
pub(super) const fn address(_stream: &Stream) -> Option<Vec<u8>> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) async fn hung_up(_stream: &Stream) -> io::Result<()> {
    std::future::pending().await
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::UnixStream;

    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::listen::Door;

    #[tokio::test]
    async fn a_client_that_sends_no_more_is_there_until_it_closes() {
        let folder = tempfile::tempdir().unwrap();
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(folder.path(), private).unwrap();
        let path = folder.path().join("credentials.sock");
        let door = Door::bind(&path).unwrap();
        let mut client = UnixStream::connect(&path).unwrap();
        let mut stream = door.accept().await.stream;
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let Stream::UdSocket(socket) = &stream;
        socket.inner().readable().await.unwrap();
        tokio::select! {
            biased;
            _ = hung_up(&stream) => panic!("it is still there"),
            () = std::future::ready(()) => {}
        }
        // What was watched can be written to.
        stream.write_all(b"x").await.unwrap();
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        drop(client);
        hung_up(&stream).await.unwrap();
    }
}
