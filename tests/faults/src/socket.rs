//! What tokio does not offer for a socket.

use std::io;
use std::net::{Shutdown, SocketAddr};

use socket2::{SockRef, Socket};
use tokio::net::{TcpSocket, TcpStream};

/// Makes a socket send what it is given at once.
pub(crate) fn prepare(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    // The kernel calls the socket writable only while it has no bytes left to send, which is what
    // `drained` waits for.
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(1)?;
    Ok(())
}

/// Returns a socket to connect to `address`, and a second handle of it, which stays when connecting
/// is given up.
pub(crate) fn create(address: SocketAddr) -> io::Result<(TcpSocket, Socket)> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    prepare(&SockRef::from(&socket))?;
    let copy = SockRef::from(&socket).try_clone()?;
    Ok((socket, copy))
}

/// Waits until everything that was written has reached the receiver's socket. Elsewhere than on
/// Linux, only until there is space to write more.
pub(crate) async fn drained(stream: &TcpStream) -> io::Result<()> {
    // tokio remembers that `stream` was writable before the last write. A copy that is registered
    // anew asks the kernel.
    let copy = SockRef::from(stream).try_clone()?;
    TcpStream::from_std(copy.into())?.writable().await
}

/// Sends FIN behind what was written.
pub(crate) fn close_writing(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).shutdown(Shutdown::Write)
}

/// Reads until the peer has closed or reset the socket.
pub(crate) async fn discard_input(stream: &TcpStream) {
    let mut scratch = [0; 4096];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut scratch) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
