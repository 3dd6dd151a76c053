//! The official `nats` command line, which knows nothing of us, calls our services
//! and finds them: on the embedded broker and on the real nats-server.

mod support;

use std::{path::PathBuf, process::Command};

use support::{Stack, empty_home, run, tool};

#[test]
fn nats_command_line_works_on_the_embedded_broker() {
    let Some(cli) = nats_cli() else { return };
    let stack = Stack::on_the_embedded_broker();
    calls_and_discovery_work(&cli, &stack.nats);
}

#[test]
fn nats_command_line_works_on_the_real_server() {
    let Some(cli) = nats_cli() else { return };
    let Some(stack) = Stack::on_a_real_server() else {
        return;
    };
    calls_and_discovery_work(&cli, &stack.nats);
}

fn calls_and_discovery_work(cli: &Cli, url: &str) {
    let nats = |args: &[&str]| cli.run(url, args);

    // Calls, in each form that a person would type.
    for (payload, reply) in [
        (
            r#"[["Bob"], {"last_name": "Ross"}]"#,
            r#"[["Hello, Bob Ross"], {}]"#,
        ),
        (r#"[["Bob"]]"#, r#"[["Hello, Bob"], {}]"#),
        (
            r#"{"first_name": "Bob", "last_name": "Ross"}"#,
            r#"[["Hello, Bob Ross"], {}]"#,
        ),
    ] {
        let output = nats(&["request", "greeting_service.hello", payload]);
        assert!(
            output.lines().any(|line| line == reply),
            "{payload}\nshould give\n{reply}\nbut gave\n{output}"
        );
    }

    // A mistake: the number in the header, the story in the body.
    let output = nats(&["request", "greeting_service.hello", "[[]]"]);
    for part in [
        "Nats-Service-Error-Code: 422",
        "invalid_argument",
        "first_name",
    ] {
        assert_contains(&output, part);
    }

    // Discovery. `ls` drops a service whose replies break the schema of ADR-32
    // without a word, so being listed is the test of the schema.
    assert_contains(&nats(&["service", "ls"]), "greeting_service");
    assert_contains(&nats(&["service", "ping"]), "greeting_service");
    assert_contains(
        &nats(&["service", "info", "greeting_service"]),
        "Subject: greeting_service.hello",
    );
    let stats = nats(&["service", "stats", "greeting_service"]);
    assert_contains(&stats, "greeting_service Service Statistics");
    assert_contains(&stats, "hello");
}

fn assert_contains(output: &str, part: &str) {
    assert!(output.contains(part), "expected `{part}` in:\n{output}");
}

struct Cli {
    program: PathBuf,
    /// Empty: a context that the developer selected must not change what we test.
    home: PathBuf,
}

fn nats_cli() -> Option<Cli> {
    let program = tool("NATS_CLI", "the nats command line")?;
    Some(Cli {
        program,
        home: empty_home(),
    })
}

impl Cli {
    fn run(&self, url: &str, args: &[&str]) -> String {
        let mut command = Command::new(&self.program);
        // `service ping` listens for the whole timeout, 5 s unless told otherwise.
        command
            .args(["--server", url, "--timeout", "2s"])
            .args(args);
        command
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", &self.home);
        for variable in [
            "NATS_URL",
            "NATS_CONTEXT",
            "NATS_USER",
            "NATS_PASSWORD",
            "NATS_CREDS",
            "NATS_NKEY",
        ] {
            command.env_remove(variable);
        }
        run(&mut command)
    }
}
