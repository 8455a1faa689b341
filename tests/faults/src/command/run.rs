//! Runs commands.

use super::{Awaited, Command, CommandError, Target};
use crate::connection::Connection;
use crate::fault::{Direction, Fault};
use crate::plan::Plan;
use crate::proxy::{Admission, FaultProxy};

impl Command {
    /// Runs the command and returns what to answer, which may be nothing.
    pub async fn run(self, proxy: &FaultProxy) -> Result<String, CommandError> {
        match self {
            Self::Inject(target, faults) => inject(proxy, target, faults),
            Self::Admit(admission) => {
                proxy.admit(admission);
                Ok(String::new())
            }
            Self::Upstream(address) => {
                proxy.set_upstream(address);
                Ok(String::new())
            }
            Self::Wait(awaited) => wait(proxy, awaited).await,
            Self::Status => Ok(status(proxy)),
        }
    }
}

fn inject(proxy: &FaultProxy, target: Target, faults: Vec<Fault>) -> Result<String, CommandError> {
    match target {
        Target::All => {
            let counts = faults.into_iter().map(|fault| proxy.inject(fault));
            let open = counts.max().unwrap_or_default();
            Ok(format!("{open} open"))
        }
        Target::One(number) => {
            let connections = proxy.connections();
            let connection = connections
                .get(number - 1)
                .ok_or(CommandError::NotAccepted {
                    number,
                    last: connections.len(),
                })?;
            for fault in faults {
                connection.inject(fault);
            }
            Ok(String::new())
        }
        Target::Next => {
            proxy.next(Plan::from_iter(faults));
            Ok(String::new())
        }
    }
}

async fn wait(proxy: &FaultProxy, awaited: Awaited) -> Result<String, CommandError> {
    match awaited {
        Awaited::Accepted(0) => Ok("0 accepted".to_owned()),
        Awaited::Accepted(count) => {
            proxy.connection(count).await;
            Ok(format!("{} accepted", proxy.accepted()))
        }
        Awaited::Forwarded(number, direction, bytes) => {
            let connection = proxy.connection(number).await;
            connection.forwarded(direction, bytes).await?;
            Ok(format!(
                "{} {direction}",
                connection.traffic(direction).forwarded
            ))
        }
        Awaited::Swallowed(number, direction, bytes) => {
            let connection = proxy.connection(number).await;
            connection.swallowed(direction, bytes).await?;
            let swallowed = connection.traffic(direction).swallowed;
            Ok(format!("{swallowed} {direction} lost"))
        }
        Awaited::Ended(number) => {
            let connection = proxy.connection(number).await;
            Ok(connection.ended().await.to_string())
        }
    }
}

fn status(proxy: &FaultProxy) -> String {
    let admission = match proxy.admission() {
        Admission::Accept => "accepts",
        Admission::Refuse => "refuses",
        Admission::Ignore => "ignores",
    };
    let head = format!("{admission}, upstream {}", proxy.upstream());
    let connections = proxy.connections();
    let parts = connections.iter().map(|connection| {
        let end = connection
            .end()
            .map_or_else(|| "open".to_owned(), |end| end.to_string());
        let traffic = [Direction::Up, Direction::Down].map(|way| traffic(connection, way));
        format!("#{} {}, {end}", connection.number(), traffic.join(", "))
    });
    std::iter::once(head)
        .chain(parts)
        .collect::<Vec<_>>()
        .join("; ")
}

fn traffic(connection: &Connection, direction: Direction) -> String {
    let traffic = connection.traffic(direction);
    match traffic.swallowed {
        0 => format!("{} {direction}", traffic.forwarded),
        swallowed => format!("{} {direction} ({swallowed} lost)", traffic.forwarded),
    }
}
