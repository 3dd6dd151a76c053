//! Servers shut down, and those who are connected move to another.
//!
//! The embedded broker knows no lame duck mode, so these tests start real servers, also where
//! `NATS_URL` names one.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rpc_core::prelude::*;
use rpc_core::{CallError, Client, Config, Runner, Running};
use support::server::{Server, free_port};
use support::{PATIENCE, Probe, connect, eventually};
use tokio::time::sleep;

/// Ends its clients' connections after a second, one by one.
const LAME_DUCK: &str = "lame_duck_grace_period: \"1s\"\nlame_duck_duration: \"30s\"\n";

async fn serve(url: &str, probe: &Probe) -> Running {
    let config = Config::new(url).give_up_after(PATIENCE);
    let runner = Runner::new(config).service(probe.clone());
    runner.start().await.unwrap()
}

/// Callers that call one after the other until told to end.
struct Load {
    end: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    callers: Vec<tokio::task::JoinHandle<Vec<CallError>>>,
}

impl Load {
    fn start(client: &Client) -> Self {
        let (end, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let caller = |_| {
            let (client, end, answered) = (client.clone(), end.clone(), answered.clone());
            tokio::spawn(async move {
                let mut failed = Vec::new();
                while !end.load(SeqCst) {
                    let call = client.call::<u64>("probe_service.count");
                    match call.timeout(Duration::from_secs(5)).await {
                        Ok(_) => {
                            answered.fetch_add(1, SeqCst);
                        }
                        Err(error) => failed.push(error),
                    }
                }
                failed
            })
        };
        Self {
            callers: (0..8).map(caller).collect(),
            end,
            answered,
        }
    }

    async fn goes_on(&self) {
        let seen = self.answered.load(SeqCst);
        eventually("more answers", async || {
            self.answered.load(SeqCst) > seen + 500
        })
        .await;
    }

    /// Ends the callers, and returns how many calls were answered, and what went wrong.
    async fn end(self) -> (u64, Vec<CallError>) {
        self.end.store(true, SeqCst);
        let failed = join_all(self.callers).await.into_iter();
        let failed = failed.flat_map(Result::unwrap).collect();
        (self.answered.load(SeqCst), failed)
    }
}

/// Two servers that are one: what is sent to one is heard at the other.
async fn cluster() -> Option<(Server, Server)> {
    let routes = [free_port(), free_port()];
    let config = |number: usize| {
        let (own, other) = (routes[number], routes[1 - number]);
        format!(
            "server_name: s{number}\n{LAME_DUCK}cluster {{ name: c, listen: \"127.0.0.1:{own}\", \
             routes: [\"nats://127.0.0.1:{other}\"] }}\n"
        )
    };
    let servers = (Server::start(&config(0))?, Server::start(&config(1))?);
    for server in [&servers.0, &servers.1] {
        eventually("the servers know each other", async || {
            let nats = async_nats::connect(server.open_url()).await.unwrap();
            nats.server_info().connect_urls.len() == 2
        })
        .await;
    }
    Some(servers)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_lost_when_a_server_of_a_cluster_shuts_down() {
    let Some((mut first, second)) = cluster().await else {
        return;
    };
    let probe = Probe::default();
    // They know the first alone; it tells them of the second.
    let service = serve(&first.open_url(), &probe).await;
    let client = connect(&first.open_url()).await;
    let elsewhere = connect(&second.open_url()).await;
    let loads = [Load::start(&client), Load::start(&elsewhere)];
    for load in &loads {
        load.goes_on().await;
    }
    // One that stays: the server must know where the service has gone when the service goes.
    let stays = async_nats::connect(first.open_url()).await.unwrap();
    let left = Arc::<AtomicBool>::default();
    let staying = tokio::spawn({
        let left = left.clone();
        async move {
            let mut answered = 0;
            while !left.load(SeqCst) {
                let reply = stays.request("probe_service.count", "".into()).await;
                assert!(reply.is_ok(), "{reply:?} after {answered}");
                answered += 1;
            }
            answered
        }
    });
    first.retire();
    let moved = || [&client, service.client()].map(|client| client.connection_stats().moves);
    eventually("both have moved", async || moved() == [1, 1]).await;
    // Well before the server closes that connection.
    sleep(Duration::from_millis(300)).await;
    left.store(true, SeqCst);
    let mut answered: u64 = staying.await.unwrap();
    for load in &loads {
        load.goes_on().await;
    }
    eventually("the server has nobody left", async || first.has_ended()).await;
    for load in loads {
        load.goes_on().await;
        let (of_load, failed) = load.end().await;
        assert!(
            failed.is_empty(),
            "{} of {of_load}: {:?}",
            failed.len(),
            failed[0]
        );
        answered += of_load;
    }
    assert_eq!(probe.0.counted.load(SeqCst), answered);
    for stats in [&client, service.client()].map(Client::connection_stats) {
        assert_eq!((stats.lame_ducks, stats.replaced), (1, 0), "{stats:?}");
    }
    service.stop().await;
}

/// Notes the events that it gets.
struct Cache(Arc<Mutex<Vec<u32>>>);

#[rpc]
impl Cache {
    #[event_handler("x.y", mode = "broadcast")]
    async fn hear(&self, n: u32) {
        self.0.lock().unwrap().push(n);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_is_handled_once_while_its_instance_moves() {
    // The new connection subscribed while the old one still listened, and some hundred events were
    // handled twice.
    let Some((mut first, second)) = cluster().await else {
        return;
    };
    let seen = Arc::new(Mutex::new(Vec::new()));
    let config = Config::new(&first.open_url()).give_up_after(PATIENCE);
    let runner = Runner::new(config).service(Cache(seen.clone()));
    let service = runner.start().await.unwrap();
    // From both servers: events are under way between them in both directions.
    let senders = [&first, &second].map(Server::open_url);
    let end = Arc::<AtomicBool>::default();
    let sending = senders.into_iter().enumerate().map(|(of, url)| {
        let end = end.clone();
        tokio::spawn(async move {
            let nats = async_nats::connect(url).await.unwrap();
            let mut n = of;
            while !end.load(SeqCst) {
                nats.publish("x.y", format!("[[{n}]]").into())
                    .await
                    .unwrap();
                n += 2;
                sleep(Duration::from_millis(1)).await;
            }
        })
    });
    let sending: Vec<_> = sending.collect();
    let count = || seen.lock().unwrap().len();
    let more_come = async || {
        let so_far = count();
        eventually("more events", async || count() > so_far + 300).await;
    };
    more_come().await;
    first.retire();
    let moves = || service.client().connection_stats().moves;
    eventually("it has moved", async || moves() == 1).await;
    more_come().await;
    eventually("the server has nobody left", async || first.has_ended()).await;
    more_come().await;
    end.store(true, SeqCst);
    for sender in sending {
        sender.await.unwrap();
    }
    service.stop().await;
    let mut handled = seen.lock().unwrap().clone();
    let all = handled.len();
    handled.sort_unstable();
    handled.dedup();
    assert_eq!(all - handled.len(), 0, "of {all} so many came twice");
}

/// Takes its calls one by one, and slowly.
struct Sloth(Arc<AtomicU64>);

#[rpc]
impl Sloth {
    #[rpc]
    async fn compute(&self) {
        self.0.fetch_add(1, SeqCst);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_on_the_old_connection_is_worked_off_after_a_move() {
    // What was left of it a second after the old connection was left was lost.
    let Some((first, second)) = cluster().await else {
        return;
    };
    let taken = Arc::<AtomicU64>::default();
    let config = Config::new(&first.open_url()).give_up_after(PATIENCE);
    let runner = Runner::new(config).service(Sloth(taken.clone()));
    let service = runner.start().await.unwrap();
    let client = connect(&second.open_url()).await;
    let call = |_| {
        let call = client.call::<()>("sloth.compute").timeout(2 * PATIENCE);
        call.into_future()
    };
    // Some four seconds of work.
    let calls = join_all((0..400).map(call));
    let retire = async {
        eventually("the calls come", async || taken.load(SeqCst) > 10).await;
        first.retire();
    };
    let (answers, ()) = tokio::join!(calls, retire);
    let lost = answers.iter().filter(|answer| answer.is_err()).count();
    assert_eq!(lost, 0, "{:?}", answers.iter().find(|it| it.is_err()));
    assert_eq!(taken.load(SeqCst), 400);
    assert_eq!(service.client().connection_stats().moves, 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_is_moved_to_before_the_first_shuts_down() {
    let second_port = free_port();
    let Some(mut first) = Server::start(LAME_DUCK) else {
        return;
    };
    let probe = Probe::default();
    let both = format!("{},nats://127.0.0.1:{second_port}", first.open_url());
    let service = serve(&both, &probe).await;
    let client = connect(&both).await;
    let load = Load::start(&client);
    load.goes_on().await;
    // Started now, so that neither begins there.
    let second = Server::start_on(second_port, LAME_DUCK).unwrap();
    first.retire();
    eventually("both have moved", async || {
        [&client, service.client()].map(|client| client.connection_stats().moves) == [1, 1]
    })
    .await;
    load.goes_on().await;
    eventually("the server has nobody left", async || first.has_ended()).await;
    load.goes_on().await;
    let (answered, failed) = load.end().await;
    // These servers are no cluster: whoever has moved first does not find the other for a moment.
    for error in &failed {
        assert!(error.is_retryable(), "{error:?}");
    }
    assert_eq!(probe.0.counted.load(SeqCst), answered);
    service.stop().await;
    drop(second);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_another_is_waited_for() {
    let port = free_port();
    let Some(mut first) = Server::start_on(port, LAME_DUCK) else {
        return;
    };
    let probe = Probe::default();
    let service = serve(&first.open_url(), &probe).await;
    let client = connect(&first.open_url()).await;
    let load = Load::start(&client);
    load.goes_on().await;
    first.retire();
    // It serves on until it closes.
    load.goes_on().await;
    eventually("the server has ended", async || first.has_ended()).await;
    let ended = Instant::now();
    let _again = Server::start_on(port, LAME_DUCK).unwrap();
    load.goes_on().await;
    assert!(
        ended.elapsed() < Duration::from_secs(3),
        "{:?}",
        ended.elapsed()
    );
    for error in load.end().await.1 {
        let lost = matches!(
            error,
            CallError::Disconnected(_) | CallError::NoService { .. }
        );
        assert!(lost || error.is_retryable(), "{error:?}");
    }
    service.stop().await;
}
