//! Golden transcripts: what clients send and what must come back.
//!
//! ```text
//! == a behaviour, in words
//! @ max_connections=1             a setting of the server
//! a> SUB foo 1\r\n                connection `a` (opened when first named) sends
//! a< +OK\r\n                      exactly these bytes must come next
//! a.                              the server must close it, saying nothing more
//! ```
//! Escapes: `\r \n \t \\ \xHH` and `{3*ab}` for `ababab`. At the end every
//! connection that is still open must have nothing more to say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rpc_broker::{Auth, Config};

use crate::wire::Wire;

/// One behaviour.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    steps: Vec<(String, Step)>,
}

#[derive(Debug)]
enum Step {
    Open,
    Send(Vec<u8>),
    Expect(Vec<u8>),
    Closed,
}

/// Settings that both the broker and the reference server understand.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The settings of an embedded broker on a free port.
    pub(crate) fn to_config(&self) -> Config {
        let mut config = Config {
            port: 0,
            ..Config::default()
        };
        for (key, value) in &self.0 {
            let number = || value.parse().expect("a number");
            match key.as_str() {
                "max_payload" => config.max_payload = number(),
                "max_control_line" => config.max_control_line = number(),
                "max_connections" => config.max_connections = number(),
                "max_subscriptions" => config.max_subscriptions = Some(number()),
                "ping_interval_ms" => {
                    config.ping_interval = Duration::from_millis(number() as u64);
                }
                "ping_max" => config.max_pings_out = number() as u32,
                "auth_timeout_ms" => config.auth_timeout = Duration::from_millis(number() as u64),
                "token" => config.auth = Some(Auth::Token(value.clone())),
                "user" => {
                    let (user, password) = value.split_once(':').expect("user:password");
                    config.auth = Some(Auth::UserPassword {
                        user: user.to_owned(),
                        password: password.to_owned(),
                    });
                }
                other => panic!("unknown setting {other}"),
            }
        }
        config
    }

    /// The same as a configuration file of the reference server.
    pub(crate) fn to_server_file(&self) -> String {
        let mut authorization = String::new();
        let mut file = String::new();
        for (key, value) in &self.0 {
            match key.as_str() {
                "ping_interval_ms" => file += &format!("ping_interval: \"{value}ms\"\n"),
                "auth_timeout_ms" => {
                    let seconds = value.parse::<f64>().expect("a number") / 1000.0;
                    authorization += &format!("timeout: {seconds}\n");
                }
                "token" => authorization += &format!("token: \"{value}\"\n"),
                "user" => {
                    let (user, password) = value.split_once(':').expect("user:password");
                    authorization += &format!("user: \"{user}\"\npassword: \"{password}\"\n");
                }
                _ => file += &format!("{key}: {value}\n"),
            }
        }
        if !authorization.is_empty() {
            file += &format!("authorization {{\n{authorization}}}\n");
        }
        file
    }
}

impl Case {
    /// Reads the cases of a transcript file.
    pub(crate) fn read_all(text: &str) -> Vec<Self> {
        let mut cases: Vec<Self> = Vec::new();
        for line in text.lines() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix("== ") {
                cases.push(Self {
                    name: name.to_owned(),
                    settings: Settings::default(),
                    steps: Vec::new(),
                });
                continue;
            }
            let case = cases.last_mut().expect("a case starts with ==");
            if let Some(setting) = line.strip_prefix("@ ") {
                let (key, value) = setting.split_once('=').expect("key=value");
                case.settings.0.insert(key.to_owned(), value.to_owned());
                continue;
            }
            let at = line.find(['>', '<', '.', '+']).expect("a step");
            let text = unescape(line[at + 1..].strip_prefix(' ').unwrap_or_default());
            let step = match &line[at..=at] {
                ">" => Step::Send(text),
                "<" => Step::Expect(text),
                "+" => Step::Open,
                _ => Step::Closed,
            };
            case.steps.push((line[..at].to_owned(), step));
        }
        cases
    }

    fn open(&self, address: SocketAddr) -> Wire {
        let mut wire = Wire::open(address);
        if self.settings.0.contains_key("ping_interval_ms") {
            wire.show_pings();
        }
        wire
    }

    /// Plays the case; the error says where it went wrong.
    pub(crate) fn play(&self, address: SocketAddr) -> Result<(), String> {
        let mut wires = BTreeMap::new();
        for (number, (name, step)) in self.steps.iter().enumerate() {
            let failed = |problem| format!("step {} of {name}: {problem}", number + 1);
            let wire = wires
                .entry(name.as_str())
                .or_insert_with(|| Some(self.open(address)));
            let Some(open) = wire else {
                return Err(failed("is closed already".to_owned()));
            };
            match step {
                Step::Open => {}
                Step::Send(bytes) => open.send(bytes),
                Step::Expect(bytes) => open.expect(bytes).map_err(failed)?,
                Step::Closed => {
                    nothing_more(open.read_to_end()).map_err(failed)?;
                    *wire = None;
                }
            }
        }
        for (name, wire) in &mut wires {
            if let Some(wire) = wire {
                nothing_more(wire.finish())
                    .map_err(|problem| format!("end of {name}: {problem}"))?;
            }
        }
        Ok(())
    }
}

fn nothing_more(rest: Result<Vec<u8>, String>) -> Result<(), String> {
    match rest?.as_slice() {
        [] => Ok(()),
        rest => Err(format!("unexpected\n      {}", rest.escape_ascii())),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let repeated = rest.strip_prefix('{').and_then(|inside| {
            let (count, inside) = inside.split_once('*')?;
            let (unit, after) = inside.split_once('}')?;
            Some((count.parse().ok()?, unit, after))
        });
        if let Some((count, unit, after)) = repeated {
            bytes.extend_from_slice(&unescape(unit).repeat(count));
            rest = after;
            continue;
        }
        let (byte, length) = match rest.get(..2) {
            Some("\\r") => (b'\r', 2),
            Some("\\n") => (b'\n', 2),
            Some("\\t") => (b'\t', 2),
            Some("\\\\") => (b'\\', 2),
            Some("\\x") => {
                let byte = u8::from_str_radix(&rest[2..4], 16).expect("two hex digits");
                (byte, 4)
            }
            _ => {
                bytes.extend_from_slice(next.to_string().as_bytes());
                rest = &rest[next.len_utf8()..];
                continue;
            }
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}
