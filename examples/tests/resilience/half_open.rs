//! A connection that nobody closes and nothing crosses: both ends notice, and go on without it.
//!
//! The instance and the caller have their connections through a proxy that stops forwarding on
//! those it has; new ones it serves. Until the broker itself gives the old connections up it sends
//! them requests, so it is told to ask every second instead of every two minutes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rpc_core::RpcError;
use rpc_core::protocol::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, block_in_place};
use tokio::time::sleep;

use crate::cluster::{Cluster, PATIENCE, connect};
use crate::load::{Ended, report};
use crate::servers::Server;
use crate::{on_both_servers, soak};

/// The client makes a round trip every second and waits a second for it; two lost in a row end the
/// connection: four seconds and a little, for the way and a busy machine.
const NOTICED: Duration = Duration::from_millis(4_800);
/// The broker asks every second and gives up after two questions without an answer; nats-server lets
/// a new connection's first question wait longer.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// How soon every call succeeds again.
const SERVED_AGAIN: Duration = Duration::from_secs(8);

on_both_servers!(it_is_noticed_reported_and_replaced);

async fn it_is_noticed_reported_and_replaced(mut server: Server) {
    server.kill();
    server.ping_interval = Some(PING_INTERVAL);
    server.launch();
    let proxy = Proxy::to(server.port).await;
    let mut cluster = Cluster::start(&proxy.url, 1);
    let client = connect(&proxy.url).await;
    let rounds = if soak() { 10 } else { 1 };
    let mut calls = Vec::new();
    let (mut reported, mut served) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        let (client_of_call, begun) = (client.clone(), Instant::now());
        let under_way = tokio::spawn(async move {
            let call = client_of_call
                .call::<()>("probe_service.sleep")
                .arg(600_000);
            (call.timeout(PATIENCE).await, begun.elapsed())
        });
        // The call has to be on its way before the way ends.
        sleep(Duration::from_millis(100)).await;
        let frozen = Instant::now();
        proxy.freeze();
        let (answer, took) = under_way.await.unwrap();
        let ended = Ended {
            key: String::new(),
            took,
            error: answer.err().map(RpcError::from),
        };
        let failure = ended.failure();
        assert_eq!(failure, Some(("unavailable", Some(Outcome::Unknown))));
        calls.push(ended);
        block_in_place(|| cluster.instances[0].wait_for_line("the connection to NATS is dead"));
        reported = reported.max(frozen.elapsed());
        // While the broker has the old connection too, it sends that every second call.
        let mut in_a_row = 0;
        while in_a_row < 50 {
            let call = client.call::<u8>("probe_service.echo").arg(7);
            match call.timeout(Duration::from_millis(200)).await {
                Ok(_) => in_a_row += 1,
                Err(_) => in_a_row = 0,
            }
            assert!(frozen.elapsed() < PATIENCE, "not served again");
        }
        served = served.max(frozen.elapsed());
    }
    let more = format!(
        "the instance's log told after {reported:.1?}, all calls succeed after {served:.1?}"
    );
    report("half-open connection", server.name(), &calls, more);
    let noticed = calls.iter().map(|call| call.took).max().unwrap();
    assert!(noticed < NOTICED, "{noticed:?}");
    assert!(reported < NOTICED, "{reported:?}");
    assert!(served < SERVED_AGAIN, "{served:?}");
}

/// A TCP proxy that can stop forwarding on its connections without closing them.
struct Proxy {
    url: String,
    frozen: Arc<watch::Sender<u64>>,
    accepting: AbortHandle,
}

impl Proxy {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("nats://{}", listener.local_addr().unwrap());
        let frozen = Arc::new(watch::Sender::new(0));
        let sender = frozen.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(forward(near_in, far_out, sender.subscribe()));
                tokio::spawn(forward(far_in, near_out, sender.subscribe()));
            }
        });
        Self {
            url,
            frozen,
            accepting: accepting.abort_handle(),
        }
    }

    /// Stops forwarding on the connections that there are.
    fn freeze(&self) {
        self.frozen.send_modify(|times| *times += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut frozen: watch::Receiver<u64>,
) {
    let copy = async {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = copy => {}
        changed = frozen.changed() => if changed.is_ok() {
            // The sockets stay open and say nothing; the end of the proxy closes them.
            while frozen.changed().await.is_ok() {}
        },
    }
}
