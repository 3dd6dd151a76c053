//! Every command of the README and of `docs/` prints what the page says it prints.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Stack, empty_home, run, tool};

/// The addresses that the pages write, which the test replaces by those of its own demo.
const NATS: &str = "nats://127.0.0.1:4222";
const HTTP: &str = "http://127.0.0.1:5000";

/// A command and the lines that it is said to print.
struct Example {
    page: String,
    command: String,
    output: Vec<String>,
}

#[test]
fn commands_print_what_the_pages_say() {
    let examples: Vec<_> = pages().iter().flat_map(|page| examples_of(page)).collect();
    assert!(examples.len() >= 5, "the pages have lost their examples");
    let stack = Stack::on_the_embedded_broker();
    for example in &examples {
        let Some(printed) = execute(&example.command, &stack) else {
            continue;
        };
        assert!(
            matches(&example.output, &printed),
            "{}: `{}` should print\n{}\nand printed\n{}",
            example.page,
            example.command,
            example.output.join("\n"),
            printed.join("\n"),
        );
    }
}

/// Runs a command against the demo; none when a tool for it is missing.
fn execute(command: &str, stack: &Stack) -> Option<Vec<String>> {
    let http = stack.http.as_deref().expect("the demo has a bridge");
    let here = |text: &str| text.replace(NATS, &stack.nats).replace(HTTP, http);
    let there = |text: &str| text.replace(&stack.nats, NATS).replace(http, HTTP);
    if command == "cargo run --release" {
        // It runs already: this is what it has printed, logs aside.
        let is_log = |line: &&String| line.contains(" WARN ") || line.contains(" INFO ");
        return Some(
            stack
                .printed()
                .iter()
                .filter(|line| !is_log(line))
                .map(|line| there(line))
                .collect(),
        );
    }
    let mut shell = Command::new("sh");
    shell
        .env("HOME", empty_home())
        .env("XDG_CONFIG_HOME", empty_home())
        .current_dir(root());
    let command = match command.split_once(' ')? {
        ("curl", arguments) => {
            require("curl")?;
            format!("curl -s {}", here(arguments))
        }
        ("nats", arguments) => {
            let cli = tool("NATS_CLI", "what the pages show of the `nats` command line")?;
            format!(
                "'{}' -s {} {} 2>/dev/null",
                cli.display(),
                stack.nats,
                here(arguments)
            )
        }
        ("python", arguments) => {
            let python = tool("NATS_PY", "what the pages show of Python")?;
            shell.env("NATS_URL", &stack.nats);
            format!("'{}' {}", python.display(), here(arguments))
        }
        _ => panic!("`{command}`: teach this test how to run it"),
    };
    let output = run(shell.args(["-c", &command]));
    Some(
        output
            .lines()
            .map(there)
            .filter(|line| !line.trim().is_empty())
            .collect(),
    )
}

/// Returns whether `program` is there; its absence is a failure in CI.
fn require(program: &str) -> Option<()> {
    let found = Command::new(program).arg("--version").output().is_ok();
    assert!(
        found || std::env::var("CI").as_deref() != Ok("true"),
        "{program} is not installed"
    );
    found.then_some(())
}

/// Compares line by line; `…` stands for anything.
fn matches(expected: &[String], printed: &[String]) -> bool {
    let expected: Vec<_> = expected
        .iter()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let printed: Vec<_> = printed
        .iter()
        .filter(|line| !line.trim().is_empty())
        .collect();
    expected.len() == printed.len()
        && expected
            .iter()
            .zip(printed)
            .all(|(expected, printed)| line_matches(expected, printed))
}

fn line_matches(expected: &str, printed: &str) -> bool {
    let Some((start, rest)) = expected.split_once('…') else {
        return expected == printed;
    };
    let Some(printed) = printed.strip_prefix(start) else {
        return false;
    };
    // What follows the first `…` may begin anywhere.
    (0..=printed.len())
        .filter(|position| printed.is_char_boundary(*position))
        .any(|position| line_matches(rest, &printed[position..]))
}

/// Reads the `console` blocks of a page: `$ command`, then what it prints.
fn examples_of(page: &Path) -> Vec<Example> {
    let text = std::fs::read_to_string(page).expect("the page is readable");
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match (inside, line) {
            (false, "```console") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match line.strip_prefix("$ ") {
                Some(command) => examples.push(Example {
                    page: page
                        .file_name()
                        .map(|name| name.to_string_lossy().into_owned())
                        .unwrap_or_default(),
                    command: command.to_owned(),
                    output: Vec::new(),
                }),
                None => {
                    let last = examples.last_mut().expect("a block begins with a command");
                    last.output.push(line.to_owned());
                }
            },
            (false, _) => {}
        }
    }
    examples
}

fn pages() -> Vec<PathBuf> {
    let docs = std::fs::read_dir(root().join("docs")).expect("there is a folder `docs`");
    let mut pages: Vec<_> = docs
        .map(|entry| entry.expect("it is readable").path())
        .collect();
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md"));
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
