//! Measures requests through any NATS server: one at a time, then 64 in flight.
//!
//! ```text
//! $ cargo run --release -p rpc-broker --example echo_load -- nats://127.0.0.1:4222
//! one at a time: p50 93 µs, 64 in flight: 190000 requests/s
//! ```
//! Without a URL it measures an embedded broker. A second argument sets the
//! payload's size, 128 bytes by default.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use rpc_broker::{Config, EmbeddedBroker};

const IN_FLIGHT: usize = 64;
const SEQUENTIAL: usize = 5_000;
/// Fewer when payloads are large: half a gigabyte is enough.
const CONCURRENT: usize = 300_000;
const MOST_BYTES: usize = 1 << 29;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let size = std::env::args()
        .nth(2)
        .map_or(Ok(128), |size| size.parse())?;
    let payload = Bytes::from(vec![b'x'; size]);
    let (url, _broker) = match std::env::args().nth(1) {
        Some(url) => (url, None),
        None => {
            let broker = EmbeddedBroker::start(Config {
                port: 0,
                ..Config::default()
            })?;
            (broker.url(), Some(broker))
        }
    };
    let service_url = url.clone();
    std::thread::spawn(move || block_on(serve(service_url)));
    block_on(measure(url, payload))
}

fn block_on(future: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

/// Answers every request with its payload.
async fn serve(url: String) -> Result<(), Failure> {
    let client = async_nats::connect(url).await?;
    let mut requests = client.subscribe("echo_load").await?;
    while let Some(request) = requests.next().await {
        if let Some(reply) = request.reply {
            client.publish(reply, request.payload).await?;
        }
    }
    Ok(())
}

async fn measure(url: String, payload: Bytes) -> Result<(), Failure> {
    let client = async_nats::connect(url).await?;
    while client.request("echo_load", payload.clone()).await.is_err() {
        tokio::task::yield_now().await; // The service is still connecting.
    }
    let mut times: Vec<Duration> = Vec::with_capacity(SEQUENTIAL);
    for _ in 0..SEQUENTIAL {
        let started = Instant::now();
        client.request("echo_load", payload.clone()).await?;
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let started = Instant::now();
    let answered = stream::iter(0..CONCURRENT.min(MOST_BYTES / payload.len().max(1)))
        .map(|_| client.request("echo_load", payload.clone()))
        .buffer_unordered(IN_FLIGHT)
        .filter(|reply| std::future::ready(reply.is_ok()))
        .count()
        .await;
    println!(
        "one at a time: p50 {} µs, {IN_FLIGHT} in flight: {:.0} requests/s",
        times[SEQUENTIAL / 2].as_micros(),
        answered as f64 / started.elapsed().as_secs_f64(),
    );
    Ok(())
}
