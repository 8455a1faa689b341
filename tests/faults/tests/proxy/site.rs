//! A proxy between a server and its clients.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use roam_faults::{Connection, FaultProxy, Plan};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far longer than any test takes.
const LIMIT: Duration = Duration::from_mins(1);

/// Runs `test`, and fails it when it hangs.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(LIMIT, test).await.expect("it hangs");
    });
}

/// A proxy in front of a server.
pub(crate) struct Site {
    pub(crate) proxy: FaultProxy,
    pub(crate) server: TcpListener,
}

/// A connection through the proxy, and both of its ends.
pub(crate) struct Joined {
    pub(crate) client: TcpStream,
    pub(crate) server: TcpStream,
    pub(crate) connection: Connection,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = FaultProxy::start(server.local_addr().unwrap())
            .await
            .unwrap();
        Self { proxy, server }
    }

    /// Opens a connection.
    pub(crate) async fn join(&self) -> Joined {
        let number = self.proxy.accepted() + 1;
        let client = TcpStream::connect(self.proxy.addr()).await.unwrap();
        let (server, _) = self.server.accept().await.unwrap();
        Joined {
            client,
            server,
            connection: self.proxy.connection(number).await,
        }
    }

    /// Opens a connection with a plan.
    pub(crate) async fn join_with(&self, plan: impl Into<Plan>) -> Joined {
        self.proxy.next(plan);
        self.join().await
    }

    /// Opens a connection to a server that echoes what it reads.
    pub(crate) async fn join_echo(&self, plan: impl Into<Plan>) -> (TcpStream, Connection) {
        let Joined {
            client,
            mut server,
            connection,
        } = self.join_with(plan).await;
        tokio::spawn(async move {
            let (mut reader, mut writer) = server.split();
            // The client may go at any time.
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        });
        (client, connection)
    }
}

/// Asserts that `stream` carries `bytes` to the other end and back.
pub(crate) async fn echoes(stream: &mut TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    reads(stream, bytes).await;
}

/// Asserts that `bytes` come next.
pub(crate) async fn reads(stream: &mut TcpStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    stream.read_exact(&mut read).await.unwrap();
    assert_eq!(read, bytes);
}

/// Asserts that `bytes` come next, and then the end.
pub(crate) async fn reads_last(stream: &mut TcpStream, bytes: &[u8]) {
    let mut read = Vec::new();
    stream.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, bytes);
}

/// Asserts that the stream is reset, after `count` bytes.
pub(crate) async fn is_reset_after(stream: &mut TcpStream, count: usize) {
    let mut read = Vec::new();
    let error = stream.read_to_end(&mut read).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(read.len(), count);
}

/// Asserts that nothing has come.
pub(crate) fn reads_nothing(stream: &TcpStream) {
    let error = stream.try_read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

/// Asserts that a client that connects to `address` is reset.
pub(crate) async fn is_refused_by(address: SocketAddr) {
    // The reset may come before or after the client learns that it is connected.
    let result = match TcpStream::connect(address).await {
        Ok(mut stream) => stream.read(&mut [0]).await,
        Err(error) => Err(error),
    };
    assert_eq!(result.unwrap_err().kind(), ErrorKind::ConnectionReset);
}
