//! The program's settings: flags, then the environment, then a file, then defaults.
//!
//! Every setting is declared once, as an option in this folder. Its name in the environment and in
//! the file, the template of `--print-config` and the report of `--check-config` follow from that.

mod edge;
mod file;
mod limits;
mod log;
mod show;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches, Parser, ValueEnum};
use http_bridge::Pattern;
use secrecy::{ExposeSecret as _, SecretString};

use edge::EdgeOptions;
use limits::LimitOptions;
use log::{Log, LogFormat};
use values::{duration, secret};

/// Puts NATS services on the web: POST /<service>.<method> becomes a NATS request.
#[derive(Debug, Parser)]
#[command(name = "http-bridge", version)]
pub(crate) struct Options {
    /// The file with settings, in TOML; flags and the environment go before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print a file with every setting and its default, and end
    #[arg(long)]
    print_config: bool,
    /// Print the settings in force without their secrets, check what they name, and end
    #[arg(long)]
    check_config: bool,

    /// For whom the bridge runs; `prod` refuses to start without --expose
    #[arg(long, value_name = "PROFILE", default_value = "dev")]
    profile: Profile,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:5000", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// The NATS servers, separated by commas
    #[arg(long, env = "NATS_URL", default_value = rpc_core::Config::DEFAULT_SERVER, value_name = "URL", value_parser = secret, hide_env_values = true)]
    nats_url: SecretString,
    /// A host name to answer to besides localhost, when a proxy on this machine passes it on
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    allow_host: Vec<String>,
    /// Methods that the web may call, such as greeting_service.*; all that are announced without it
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    expose: Vec<Pattern>,
    /// Methods that the web may not call, although --expose has them
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    deny: Vec<Pattern>,
    /// The longest a call may take, such as 2s or 500ms
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    call_timeout: Duration,
    /// How long running requests may go on once the bridge was told to stop
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME")]
    drain_timeout: Duration,

    /// How log lines are written, to standard error; RUST_LOG says which
    #[arg(long, value_name = "FORMAT", default_value = "pretty")]
    log_format: LogFormat,
    /// Log a line for every request, and not for failures alone
    #[arg(long, value_name = "BOOLEAN", default_value = "false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    access_log: bool,

    #[command(flatten)]
    edge: EdgeOptions,
    #[command(flatten)]
    limits: LimitOptions,
}

/// For whom the bridge runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// For whoever writes services: everything that is announced is callable.
    Dev,
    /// For others: what is callable is named.
    Prod,
}

/// The options that are no settings: a file cannot have them.
const NO_SETTINGS: [&str; 5] = ["config", "print_config", "check_config", "help", "version"];

impl Options {
    /// Reads all sources. What was only asked for (help, a template, a check) is printed, and ends
    /// the program well; a mistake ends it with one line.
    pub(crate) fn read() -> Result<Settings, ExitCode> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        let command = command();
        let (options, origins) = parse(&command, arguments).map_err(|failure| match failure {
            Failure::Shown(text) => {
                print!("{text}");
                ExitCode::SUCCESS
            }
            Failure::Mistake(line) => {
                eprintln!("http-bridge: {line}");
                ExitCode::FAILURE
            }
        })?;
        if options.print_config {
            print!("{}", show::template(&command));
            return Err(ExitCode::SUCCESS);
        }
        if options.check_config {
            print!("{}", show::in_force(&command, &origins));
        }
        let is_check = options.check_config;
        let settings = options.into_settings().and_then(|settings| {
            // Whoever only checks wants to know now what a start would find.
            match is_check.then(|| settings.bridge.check()) {
                Some(Err(error)) => Err(error.to_string()),
                _ => Ok(settings),
            }
        });
        match settings {
            Err(line) => {
                eprintln!("http-bridge: {line}");
                Err(ExitCode::FAILURE)
            }
            Ok(_) if is_check => Err(ExitCode::SUCCESS),
            Ok(settings) => Ok(settings),
        }
    }

    /// Returns what the options say, once it is checked what one of them alone cannot know.
    fn into_settings(self) -> Result<Settings, String> {
        if self.profile == Profile::Prod && self.expose.is_empty() {
            return Err(
                "the prod profile needs `--expose`: name the methods that the web may call, such \
                 as `--expose 'greeting_service.*'`"
                    .to_owned(),
            );
        }
        let mut bridge = http_bridge::Config {
            listen: self.listen,
            call_timeout: self.call_timeout,
            drain_timeout: self.drain_timeout,
            allowed_hosts: self.allow_host,
            expose: self.expose,
            deny: self.deny,
            limits: self.limits.into_limits(),
            ..http_bridge::Config::default()
        };
        self.edge.apply(&mut bridge)?;
        let nats = rpc_core::Config::new(self.nats_url.expose_secret()).name("http-bridge");
        let log = Log {
            format: self.log_format,
            access: self.access_log,
        };
        Ok(Settings { nats, bridge, log })
    }
}

/// What the program runs with.
pub(crate) struct Settings {
    /// How to reach NATS.
    pub(crate) nats: rpc_core::Config,
    /// How to listen and call.
    pub(crate) bridge: http_bridge::Config,
    /// What to log, and how.
    pub(crate) log: Log,
}

/// Where the value of every option came from.
struct Origins {
    matches: ArgMatches,
    from_file: Vec<String>,
}

/// Why there are no options.
enum Failure {
    /// Help or the version was asked for.
    Shown(String),
    /// A source is wrong: one line.
    Mistake(String),
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        let text = error.to_string();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Self::Shown(text),
            _ => Self::Mistake(text.lines().next().unwrap_or_default().to_owned()),
        }
    }
}

/// Returns the options; each that has no variable of its own is read from `BRIDGE_<NAME>` too.
fn command() -> Command {
    Options::command().mut_args(|arg| {
        let id = arg.get_id().as_str();
        let is_variable = arg.get_env().is_some() || (NO_SETTINGS.contains(&id) && id != "config");
        match is_variable {
            true => arg,
            false => {
                let name = format!("BRIDGE_{}", id.to_ascii_uppercase());
                arg.env(name)
            }
        }
    })
}

fn parse(command: &Command, mut arguments: Vec<OsString>) -> Result<(Options, Origins), Failure> {
    let mut matches = command.clone().try_get_matches_from(&arguments)?;
    let mut from_file = Vec::new();
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        // What the file alone says goes to the parser as if it had been typed: one parser, one
        // set of words for what is wrong.
        for setting in file::read(command, path).map_err(Failure::Mistake)? {
            if matches.value_source(&setting.id) == Some(clap::parser::ValueSource::DefaultValue)
                || matches.value_source(&setting.id).is_none()
            {
                arguments.extend(setting.arguments);
                from_file.push(setting.id);
            }
        }
        matches = command.clone().try_get_matches_from(&arguments)?;
    }
    let options = Options::from_arg_matches(&matches)?;
    Ok((options, Origins { matches, from_file }))
}

/// Says on one line why the program ends.
pub(crate) fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("http-bridge: {error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_program_are_those_of_the_library() {
        let parsed = parse(&Options::command(), vec!["http-bridge".into()]);
        let (options, _) = parsed.ok().expect("the defaults parse");
        let settings = options.into_settings().unwrap();
        assert_eq!(settings.bridge, http_bridge::Config::default());
    }

    #[test]
    fn every_setting_has_a_variable_and_a_description() {
        for arg in command().get_arguments() {
            assert!(arg.get_help().is_some(), "{}", arg.get_id());
            let is_setting = !NO_SETTINGS.contains(&arg.get_id().as_str());
            assert!(!is_setting || arg.get_env().is_some(), "{}", arg.get_id());
        }
    }
}
