//! Which connections are accepted, and what each gets.

use std::io::ErrorKind;

use roam_faults::{Admission, Cut, Direction, End, Fault, FaultProxy, Plan, StartError};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::site::{Site, echoes, is_refused_by, is_reset_after, reads, run};

#[test]
fn refused_connections_are_reset_and_take_no_plan() {
    run(async {
        let site = Site::start().await;
        site.proxy.next(Fault::CutAt(Direction::Up, 2, Cut::Reset));
        site.proxy.admit(Admission::Refuse);
        is_refused_by(site.proxy.addr()).await;
        let refused = site.proxy.connection(1).await;
        assert_eq!(refused.ended().await, End::Cut(Cut::Reset));

        site.proxy.admit(Admission::Accept);
        let mut joined = site.join().await;
        assert_eq!(joined.connection.number(), 2);
        joined.client.write_all(b"hello").await.unwrap();
        is_reset_after(&mut joined.server, 2).await;
    });
}

#[test]
fn ignored_connections_are_accepted_later() {
    run(async {
        let site = Site::start().await;
        site.proxy.admit(Admission::Ignore);
        let mut client = TcpStream::connect(site.proxy.addr()).await.unwrap();
        client.write_all(b"hello").await.unwrap();
        assert_eq!(site.proxy.accepted(), 0);

        site.proxy.admit(Admission::Accept);
        let connection = site.proxy.connection(1).await;
        assert_eq!(connection.client(), client.local_addr().unwrap());
        let (mut server, _) = site.server.accept().await.unwrap();
        reads(&mut server, b"hello").await;
    });
}

#[test]
fn plans_are_taken_in_order() {
    run(async {
        let site = Site::start().await;
        let cut_at = |byte| Fault::CutAt(Direction::Up, byte, Cut::Reset);
        site.proxy.next(cut_at(1));
        site.proxy.next(cut_at(2));
        site.proxy.inject(cut_at(3));
        for count in [1, 2, 3, 3] {
            let mut joined = site.join().await;
            joined.client.write_all(b"hello").await.unwrap();
            is_reset_after(&mut joined.server, count).await;
        }
    });
}

#[test]
fn plan_may_cut_before_the_upstream_hears_of_it() {
    run(async {
        let site = Site::start().await;
        site.proxy.next(Fault::Cut(Cut::Reset));
        is_refused_by(site.proxy.addr()).await;
        let (mut client, connection) = site.join_echo(Plan::new()).await;
        assert_eq!(connection.number(), 2);
        echoes(&mut client, b"hello").await;
    });
}

#[test]
fn restarted_upstream_is_followed() {
    run(async {
        let site = Site::start().await;
        let _old = site.join().await;
        let restarted = TcpListener::bind("127.0.0.1:0").await.unwrap();
        site.proxy.set_upstream(restarted.local_addr().unwrap());
        let mut client = TcpStream::connect(site.proxy.addr()).await.unwrap();
        let (mut server, _) = restarted.accept().await.unwrap();
        client.write_all(b"hello").await.unwrap();
        reads(&mut server, b"hello").await;
    });
}

#[test]
fn dropping_the_proxy_resets_everything() {
    run(async {
        let Site {
            proxy,
            server: _server,
        } = {
            let site = Site::start().await;
            let _unused = site.join().await;
            site
        };
        let mut client = TcpStream::connect(proxy.addr()).await.unwrap();
        proxy.connection(2).await;
        let address = proxy.addr();
        drop(proxy);
        is_reset_after(&mut client, 0).await;
        // The port is free again.
        TcpListener::bind(address).await.unwrap();
    });
}

#[test]
fn port_that_is_taken_is_an_error() {
    run(async {
        let site = Site::start().await;
        let taken = site.server.local_addr().unwrap();
        let StartError::Listen { address, source } =
            FaultProxy::listen(taken, taken).await.unwrap_err()
        else {
            panic!("another error");
        };
        assert_eq!(address, taken);
        assert_eq!(source.kind(), ErrorKind::AddrInUse);
    });
}
