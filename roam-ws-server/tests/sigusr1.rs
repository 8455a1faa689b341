//! A server reports what is in flight when its process gets SIGUSR1.
#![cfg(unix)]

use std::future::pending;
use std::process::{Command, id};

use roam_core::net::websocket;
use roam_core::{Config, Context, diagnostics::Links, service};
use roam_ws_server::{Server, report_on_sigusr1};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

#[service]
trait Slow {
    async fn wait(&self);
}

struct Handler(UnboundedSender<()>);

impl Slow for Handler {
    async fn wait(&self, _: &Context) {
        self.0.send(()).unwrap();
        pending::<()>().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigusr1_reports_what_is_in_flight_on_all_links() {
    let links = Links::new();
    let (report, mut reports) = unbounded_channel();
    let reporting = report_on_sigusr1(links.clone(), move |text| report.send(text).unwrap());
    tokio::spawn(reporting.unwrap());
    let (waiting, mut waits) = unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(SlowDispatcher::new(Handler(waiting))).with_links(links);
    tokio::spawn(async move { server.serve(listener).await });

    let config = Config::client();
    for _ in 0..2 {
        let url = format!("ws://{address}/");
        let client = websocket::connect(&url)
            .config(config.clone())
            .await
            .unwrap();
        tokio::spawn(SlowClient::new(client).wait().into_future());
        waits.recv().await.unwrap();
    }
    let sent = Command::new("kill")
        .args(["-USR1", &id().to_string()])
        .status();
    assert!(sent.unwrap().success());

    let text = reports.recv().await.unwrap();
    for number in [1, 2] {
        assert!(
            text.contains(&format!("link {number} (127.0.0.1:")),
            "{text}"
        );
    }
    assert_eq!(text.matches("Slow.wait").count(), 2, "{text}");
    assert_eq!(text.matches("handler runs").count(), 2, "{text}");
    println!("{text}");
}
