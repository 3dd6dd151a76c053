//! The file with settings: TOML, one key an option, `_` for `-`.
//!
//! ```toml
//! listen = "0.0.0.0:5000"
//! expose = ["greeting_service.*", "user_service.get"]
//! max_body = "64KiB"
//! ```

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::{ArgAction, Command};
use toml::de::{DeTable, DeValue};

use super::NO_SETTINGS;

/// One key of the file.
pub(super) struct Setting {
    /// The option's id, which is the key.
    pub(super) id: String,
    /// The same as it would be typed.
    pub(super) arguments: Vec<OsString>,
}

/// Reads a file and checks every value of it, also those that another source overrules.
pub(super) fn read(command: &Command, path: &Path) -> Result<Vec<Setting>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let at = |offset: usize| {
        let line = text[..offset.min(text.len())].matches('\n').count() + 1;
        format!("{}:{line}", path.display())
    };
    let table = DeTable::parse(&text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        format!("{}: {}", at(offset), error.message())
    })?;
    let mut entries: Vec<_> = table.into_inner().into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut settings = Vec::new();
    for (key, value) in entries {
        let place = at(key.span().start);
        let setting = setting(command, key.as_ref(), value.as_ref())
            .and_then(|setting| check(command, setting))
            .map_err(|mistake| format!("{place}: {mistake}"))?;
        settings.push(setting);
    }
    Ok(settings)
}

fn setting(command: &Command, key: &str, value: &DeValue<'_>) -> Result<Setting, String> {
    let is_setting = !NO_SETTINGS.contains(&key);
    let Some(arg) = command
        .get_arguments()
        .find(|arg| is_setting && arg.get_id() == key)
    else {
        return Err(format!("unknown key `{key}`: {}", hint(command, key)));
    };
    let takes_many = matches!(arg.get_action(), ArgAction::Append);
    let values = match value {
        DeValue::Array(values) if takes_many => {
            values.iter().map(|value| scalar(value.as_ref())).collect()
        }
        value => scalar(value).map(|value| vec![value]),
    };
    let values: Vec<String> = values.map_err(|found| {
        let expected = match takes_many {
            true => "a list of texts",
            false => "one text, number or boolean",
        };
        format!("`{key}` is {found}, expected {expected}")
    })?;
    let name = arg.get_long().unwrap_or(key);
    let typed = |value| OsString::from(format!("--{name}={value}"));
    Ok(Setting {
        id: key.to_owned(),
        arguments: values.into_iter().map(typed).collect(),
    })
}

/// Says which key was meant.
fn hint(command: &Command, key: &str) -> String {
    let likeness = |name: &str| strsim::jaro_winkler(name, key);
    let names = command.get_arguments().map(|arg| arg.get_id().as_str());
    names
        .filter(|name| !NO_SETTINGS.contains(name) && likeness(name) > 0.8)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
        .map_or_else(
            || "`http-bridge --print-config` prints all".to_owned(),
            |name| format!("did you mean `{name}`?"),
        )
}

/// Returns a value as it would be typed, or the word for what it is instead.
fn scalar(value: &DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        other => Err(other.type_str()),
    }
}

/// Lets the option's own parser say what is wrong with a value.
fn check(command: &Command, setting: Setting) -> Result<Setting, String> {
    let alone = command.clone().mut_args(|arg| arg.env(None::<&str>));
    let arguments = ["http-bridge".into()]
        .into_iter()
        .chain(setting.arguments.iter().cloned());
    match alone.try_get_matches_from(arguments) {
        Ok(_) => Ok(setting),
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Err(line.trim_start_matches("error: ").to_owned())
        }
    }
}
