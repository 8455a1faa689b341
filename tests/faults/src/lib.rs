//! A TCP proxy that injects faults where a test wants them.
//!
//! A fault comes at a byte or by a command, never after a guessed time, so a test that uses it fails
//! each time or never. In this crate a *connection* is a TCP connection through the proxy.
//!
//! ```
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! # use tokio::net::{TcpListener, TcpStream};
//! use roam_faults::{Cut, Direction, End, Fault, FaultProxy};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = TcpListener::bind("127.0.0.1:0").await?;
//! let proxy = FaultProxy::start(server.local_addr()?).await?;
//!
//! // The next connection is reset in the middle of its first message.
//! proxy.next(Fault::CutAt(Direction::Up, 5, Cut::Reset));
//! let mut client = TcpStream::connect(proxy.addr()).await?;
//! client.write_all(b"hello, world").await?;
//!
//! let connection = proxy.connection(1).await;
//! assert_eq!(connection.ended().await, End::Cut(Cut::Reset));
//! assert_eq!(connection.traffic(Direction::Up).forwarded, 5);
//! # Ok(())
//! # }
//! ```
//!
//! The kernel acknowledges what a peer sends, even while the proxy is dark: the proxy cannot lose
//! packets, it can only stop to read and to write.

#![forbid(unsafe_code)]

mod carry;
mod command;
mod connection;
mod fault;
mod plan;
mod proxy;
mod pump;
mod queue;
mod socket;

pub use command::{Awaited, Command, CommandError, Target, answer};
pub use connection::{Connection, End, EndedEarly, Traffic};
pub use fault::{Cut, Dark, Direction, Fault, Side, Ways};
pub use plan::Plan;
pub use proxy::{Admission, FaultProxy, StartError};
