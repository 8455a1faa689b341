//! The life of one connection.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::connection::{Connection, End};
use crate::fault::{Cut, Direction, Side};
use crate::pump::Pump;
use crate::socket;

/// Joins `client` to `upstream` until the connection ends.
pub(crate) async fn carry(client: TcpStream, upstream: SocketAddr, connection: Connection) {
    let mut sockets = vec![client];
    let end = match connect(upstream, &connection, &mut sockets).await {
        Ok(()) => {
            let joined = join(&sockets[0], &sockets[1], &connection);
            unless_cut(&connection, joined)
                .await
                .unwrap_or_else(|end| end)
        }
        Err(end) => end,
    };
    match end {
        End::Closed => drop(sockets),
        End::Cut(Cut::Fin) => {
            for socket in &sockets {
                // Fails if the peer was faster.
                let _ = socket::close_writing(socket);
            }
            connection.set_end(end);
            await_peers(sockets, &connection).await;
        }
        End::Cut(Cut::Reset) | End::Reset(_) | End::Unreachable(_) => reset(sockets),
    }
    connection.set_end(end);
}

/// Runs `work` until the connection is cut.
async fn unless_cut<T>(connection: &Connection, work: impl Future<Output = T>) -> Result<T, End> {
    tokio::select! {
        biased;
        rules = connection.obey(|rules| rules.cut.is_some()) => {
            Err(End::Cut(rules.cut.unwrap_or(Cut::Reset)))
        }
        result = work => Ok(result),
    }
}

/// Connects to `upstream` and adds its socket to `sockets`.
async fn connect(
    upstream: SocketAddr,
    connection: &Connection,
    sockets: &mut Vec<TcpStream>,
) -> Result<(), End> {
    let unreachable = |error: io::Error| End::Unreachable(error.kind());
    let (socket, copy) = socket::create(upstream).map_err(unreachable)?;
    let error = match unless_cut(connection, socket.connect(upstream)).await {
        Ok(Ok(stream)) => {
            sockets.push(stream);
            return Ok(());
        }
        Ok(Err(error)) => error,
        Err(end) => {
            // The upstream may have accepted it already, so it must be closed as the cut says.
            sockets.extend(TcpStream::from_std(copy.into()));
            return Err(end);
        }
    };
    unless_cut(connection, light(Side::Upstream, connection)).await?;
    Err(match error.kind() {
        // The upstream accepted and reset it before we learned that it was connected.
        io::ErrorKind::ConnectionReset => End::Reset(Side::Upstream),
        _ => unreachable(error),
    })
}

async fn join(client: &TcpStream, upstream: &TcpStream, connection: &Connection) -> End {
    let up = Pump::new(Direction::Up, client, upstream, connection);
    let down = Pump::new(Direction::Down, upstream, client, connection);
    match tokio::try_join!(up.run(), down.run()) {
        Ok(_) => End::Closed,
        Err(side) => {
            light(side, connection).await;
            End::Reset(side)
        }
    }
}

/// Waits until the other peer may learn what happened to `side`.
async fn light(side: Side, connection: &Connection) {
    connection
        .obey(|rules| rules.of(side.outward()).dark.is_none())
        .await;
}

/// Waits until all peers have closed their sockets, or the connection is reset after all.
async fn await_peers(sockets: Vec<TcpStream>, connection: &Connection) {
    let closed = async {
        let [first, rest @ ..] = &sockets[..] else {
            return;
        };
        // There are two at most.
        tokio::join!(socket::discard_input(first), async {
            for socket in rest {
                socket::discard_input(socket).await;
            }
        });
    };
    tokio::select! {
        () = closed => {}
        _ = connection.obey(|rules| rules.cut == Some(Cut::Reset)) => reset(sockets),
    }
}

fn reset(sockets: Vec<TcpStream>) {
    for socket in sockets {
        // Fails only if the peer has reset it.
        let _ = socket.set_zero_linger();
    }
}
