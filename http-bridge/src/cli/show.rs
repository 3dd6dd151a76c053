//! Settings as a file has them: all with their defaults, or those in force.

use std::fmt::Write as _;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command};

use super::{NO_SETTINGS, Origins};

/// Returns a file that changes nothing: every setting as a comment, with its default.
pub(super) fn template(command: &Command) -> String {
    let mut text = String::from(
        "# Settings of http-bridge, with their defaults. Flags go before the environment, and the\n\
         # environment before this file.\n",
    );
    let mut heading = None;
    for arg in settings(command) {
        if arg.get_help_heading() != heading {
            heading = arg.get_help_heading();
            let _ = write!(text, "\n# --- {} ---\n", heading.unwrap_or_default());
        }
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let variable = arg.get_env().unwrap_or_default().to_string_lossy();
        let defaults: Vec<_> = arg
            .get_default_values()
            .iter()
            .map(|value| value.to_string_lossy().into_owned())
            .collect();
        let value = match (takes_many(arg), defaults.is_empty()) {
            (false, true) => "\"\"".to_owned(),
            (many, _) => written(&defaults, many),
        };
        let id = arg.get_id();
        let _ = write!(text, "\n# {help} ({variable})\n# {id} = {value}\n");
    }
    text
}

/// Returns the settings in force, each with where it comes from; secrets are not in it.
pub(super) fn in_force(command: &Command, origins: &Origins) -> String {
    let mut text = String::new();
    for arg in settings(command) {
        let id = arg.get_id().as_str();
        let source = match origins.matches.value_source(id) {
            None => continue,
            Some(_) if origins.from_file.iter().any(|known| known == id) => "file",
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            Some(_) => "default",
        };
        let raw = origins.matches.get_raw(id).into_iter().flatten();
        let values: Vec<_> = raw
            .map(|value| redacted(arg, &value.to_string_lossy()))
            .collect();
        let value = written(&values, takes_many(arg));
        let _ = writeln!(text, "{id} = {value} # {source}");
    }
    text
}

fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|arg| !NO_SETTINGS.contains(&arg.get_id().as_str()))
}

fn takes_many(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// An option whose variable help does not show holds a secret.
fn redacted(arg: &Arg, value: &str) -> String {
    match arg.is_hide_env_values_set() {
        true => rpc_core::Config::new(value).to_string(),
        false => value.to_owned(),
    }
}

fn written(values: &[String], takes_many: bool) -> String {
    let one = |value: &String| match value.as_str() {
        "true" | "false" => value.clone(),
        number if number.parse::<u64>().is_ok() => value.clone(),
        _ => toml::Value::from(value.as_str()).to_string(),
    };
    match takes_many {
        true => format!(
            "[{}]",
            values.iter().map(one).collect::<Vec<_>>().join(", ")
        ),
        false => values.first().map_or_else(String::new, one),
    }
}
