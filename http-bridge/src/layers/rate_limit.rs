//! How often one client may call: a bucket for each, which fills as time passes.
//!
//! A bucket is one point in time, from which on it will be full (GCRA); a full one is forgotten.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{self, HeaderName, HeaderValue};
use rpc_core::protocol::Outcome;
use rpc_core::{Code, RpcError};
use tokio::time::Instant;

use crate::admission::network_of;
use crate::auth::Principal;
use crate::config::Rate;
use crate::problem::Problem;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many clients have a bucket of their own. Who comes when all are taken shares one with the
/// others that came too late: memory stays bounded, and nobody goes unlimited.
const MOST_BUCKETS: usize = 65_536;
/// How often full buckets are looked for, at most: it takes a look at each.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// Whoever has a verified token, wherever they are.
    Subject(Arc<str>),
    /// Whoever has none; one network for IPv6.
    Address(IpAddr),
}

impl Client {
    /// Returns who is counted: whoever is known, else an address.
    pub(crate) fn of(principal: Option<&Principal>, address: IpAddr) -> Self {
        match principal {
            Some(principal) => Self::Subject(principal.subject.clone()),
            None => Self::Address(network_of(address)),
        }
    }
}

/// The buckets of one bridge.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    window: Duration,
    /// What one request takes.
    share: Duration,
    policy: HeaderValue,
    buckets: Mutex<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    /// When each will be full.
    full_at: HashMap<Client, Instant>,
    /// The one of those that came too late for one of their own.
    late: Option<Instant>,
    swept: Option<Instant>,
}

/// What a client has left.
#[derive(Clone, Debug)]
pub(crate) struct Quota {
    policy: HeaderValue,
    remaining: u128,
    /// How long until there is one more.
    wait: Duration,
}

impl RateLimiter {
    /// Creates full buckets.
    pub(crate) fn new(rate: Rate) -> Self {
        let seconds = rate.window.as_secs_f64().ceil();
        let policy = format!("\"default\";q={};w={seconds}", rate.requests);
        Self {
            window: rate.window,
            share: rate.window / rate.requests.get(),
            policy: HeaderValue::from_str(&policy).expect("numbers and ASCII"),
            buckets: Mutex::new(Buckets {
                full_at: HashMap::new(),
                late: None,
                swept: None,
            }),
        }
    }

    /// Takes one request out of a client's bucket, or says when there will be one.
    pub(crate) fn take(&self, client: Client) -> Result<Quota, Problem> {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = buckets.of(client, now);
        let filled = (*full_at).max(now) + self.share;
        let missing = filled - now;
        if missing > self.window {
            let wait = missing - self.window;
            drop(buckets);
            return Err(self.refusal(wait));
        }
        *full_at = filled;
        let left = self.window - missing;
        Ok(Quota {
            policy: self.policy.clone(),
            remaining: left.as_nanos() / self.share.as_nanos(),
            wait: self.share.min(missing),
        })
    }

    fn refusal(&self, wait: Duration) -> Problem {
        let quota = Quota {
            policy: self.policy.clone(),
            remaining: 0,
            wait,
        };
        let error = RpcError::new(
            Code::ResourceExhausted,
            "too many requests from this client",
        )
        .with_outcome(Outcome::NotSent);
        let seconds = HeaderValue::from(whole_seconds(wait));
        let [limit, policy] = quota.headers();
        Problem::from(error)
            .with_header(header::RETRY_AFTER, seconds)
            .with_header(limit.0, limit.1)
            .with_header(policy.0, policy.1)
    }
}

impl Buckets {
    fn of(&mut self, client: Client, now: Instant) -> &mut Instant {
        if self.full_at.len() >= MOST_BUCKETS && !self.full_at.contains_key(&client) {
            self.sweep(now);
            if self.full_at.len() >= MOST_BUCKETS {
                return self.late.get_or_insert(now);
            }
        }
        self.full_at.entry(client).or_insert(now)
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now - swept >= SWEEP_EVERY) {
            self.swept = Some(now);
            self.full_at.retain(|_, full_at| *full_at > now);
        }
    }
}

impl Quota {
    fn headers(self) -> [(HeaderName, HeaderValue); 2] {
        let (remaining, wait) = (self.remaining, whole_seconds(self.wait));
        let limit = format!("\"default\";r={remaining};t={wait}");
        let limit = HeaderValue::from_str(&limit).expect("numbers and ASCII");
        [(RATE_LIMIT, limit), (RATE_LIMIT_POLICY, self.policy)]
    }

    /// Tells the client what it has left, whatever the answer is.
    pub(crate) fn mark(
        self,
        answer: Result<Response<Full<Bytes>>, Problem>,
    ) -> Result<Response<Full<Bytes>>, Problem> {
        let headers = self.headers();
        match answer {
            Ok(mut response) => {
                response.headers_mut().extend(headers);
                Ok(response)
            }
            Err(problem) => {
                let with = |problem: Problem, (name, value)| problem.with_header(name, value);
                Err(headers.into_iter().fold(problem, with))
            }
        }
    }
}

/// Headers know whole seconds only; less than that would say "at once".
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use tokio::time::advance;

    fn limiter(rate: &str) -> RateLimiter {
        RateLimiter::new(rate.parse().unwrap())
    }

    fn address(number: u32) -> Client {
        Client::of(None, Ipv4Addr::from_bits(number).into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_empties_and_fills_evenly() {
        let limiter = limiter("4/2s");
        for remaining in [3, 2, 1, 0] {
            assert_eq!(limiter.take(address(1)).unwrap().remaining, remaining);
        }
        assert!(limiter.take(address(1)).is_err());
        // Refused requests take nothing.
        assert!(limiter.take(address(1)).is_err());
        advance(Duration::from_millis(499)).await;
        assert!(limiter.take(address(1)).is_err());
        advance(Duration::from_millis(1)).await;
        assert_eq!(limiter.take(address(1)).unwrap().remaining, 0);
        assert!(limiter.take(address(1)).is_err());
        advance(Duration::from_secs(60)).await;
        assert_eq!(limiter.take(address(1)).unwrap().remaining, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn clients_have_buckets_of_their_own() {
        let limiter = limiter("1/1s");
        let subject = |name: &str| Client::Subject(name.into());
        for client in [address(1), address(2), subject("a"), subject("b")] {
            assert!(limiter.take(client.clone()).is_ok(), "{client:?}");
            assert!(limiter.take(client.clone()).is_err(), "{client:?}");
        }
        let v6 = |text: &str| Client::of(None, text.parse().unwrap());
        assert!(limiter.take(v6("2001:db8::1")).is_ok());
        assert!(limiter.take(v6("2001:db8::2")).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn buckets_are_bounded_and_full_ones_are_forgotten() {
        let limiter = limiter("2/10s");
        let count = || limiter.buckets.lock().unwrap().full_at.len();
        for number in 0..MOST_BUCKETS as u32 {
            assert!(limiter.take(address(number)).is_ok());
        }
        // Newcomers share one; who has a bucket keeps it.
        let newcomers = 1 << 20..(1 << 20) + 4;
        let taken = newcomers
            .clone()
            .filter(|number| limiter.take(address(*number)).is_ok());
        assert_eq!(taken.count(), 2);
        assert!(limiter.take(address(7)).is_ok());
        assert!(limiter.take(address(7)).is_err());
        assert_eq!(count(), MOST_BUCKETS);
        // Each is full again after as long as its requests stand for: 5 s, and 10 s for one.
        advance(Duration::from_secs(6)).await;
        assert!(limiter.take(address(1 << 20)).is_ok());
        assert_eq!(count(), 2);
    }
}
