//! Flags go before the environment, the environment before the file, the file before defaults.

use crate::program::{assert_fails_with, outcome, program};
use crate::support::files::File;

/// What `--check-config` prints.
async fn in_force(file: &str, variables: &[(&str, &str)], flags: &[&str]) -> String {
    let file = File::new("settings.toml", file);
    let mut command = program(&["--check-config", "--config", file.name()]);
    command.args(flags).envs(variables.iter().copied());
    let output = outcome(command).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn each_source_overrules_the_next() {
    let file = "call_timeout = \"3s\"\nmax_body = \"2KiB\"\nmax_headers = 12\n";
    let variables = [("BRIDGE_MAX_BODY", "3KiB"), ("BRIDGE_CALL_TIMEOUT", "4s")];
    let text = in_force(file, &variables, &["--call-timeout", "5s"]).await;
    for line in [
        "call_timeout = \"5s\" # flag",
        "max_body = \"3KiB\" # environment",
        "max_headers = 12 # file",
        "body_time = \"30s\" # default",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn lists_come_from_every_source() {
    let file = "expose = [\"a.*\", \"b.c\"]\n";
    let text = in_force(file, &[("BRIDGE_DENY", "x.y,z.>")], &[]).await;
    assert!(
        text.contains("expose = [\"a.*\", \"b.c\"] # file"),
        "{text}"
    );
    assert!(
        text.contains("deny = [\"x.y\", \"z.>\"] # environment"),
        "{text}"
    );
    let text = in_force(file, &[], &["--expose", "q.r"]).await;
    assert!(text.contains("expose = [\"q.r\"] # flag"), "{text}");
}

#[tokio::test]
async fn passwords_are_not_printed() {
    let file = "nats_url = \"nats://bob:hidden@127.0.0.1:4222\"\n";
    let text = in_force(file, &[], &[]).await;
    assert!(
        text.contains("nats_url = \"nats://127.0.0.1:4222\" # file"),
        "{text}"
    );
    assert!(!text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn a_mistake_in_the_file_is_named_with_its_line() {
    for (text, words) in [
        (
            "listen = \"0.0.0.0:1\"\nlisen = 1\n",
            &[":2", "lisen", "did you mean `listen`?"][..],
        ),
        (
            "nonsense_of_mine = 1\n",
            &[":1", "unknown key", "--print-config"],
        ),
        ("# ok\nlisten = 5000\n", &[":2", "--listen", "5000"]),
        (
            "listen = [\"127.0.0.1:1\"]\n",
            &["listen", "expected one text"],
        ),
        ("expose = [1979-05-27]\n", &["expose", "list of texts"]),
        ("max_body = \"much\"\n", &[":1", "--max-body", "1MiB"]),
        ("config = \"x\"\n", &["unknown key `config`"]),
        ("check_config = true\n", &["unknown key `check_config`"]),
        ("[limits]\nmax_body = 1\n", &["unknown key `limits`"]),
        ("listen = \n", &[":1"]),
        ("profile = \"staging\"\n", &["--profile", "staging"]),
    ] {
        let file = File::new("settings.toml", text);
        let output = outcome(program(&["--check-config", "--config", file.name()])).await;
        assert_fails_with(&output, words);
    }
    // Also where another source overrules it.
    let file = File::new("settings.toml", "max_body = \"much\"\n");
    let flags = ["--max-body", "1KiB", "--config", file.name()];
    assert_fails_with(&outcome(program(&flags)).await, &["--max-body", "much"]);
}

#[tokio::test]
async fn the_template_changes_nothing_and_knows_every_setting() {
    let output = outcome(program(&["--print-config"])).await;
    assert_eq!(output.status.code(), Some(0));
    let template = String::from_utf8(output.stdout).unwrap();
    let bare = in_force("", &[], &[]).await;
    assert_eq!(in_force(&template, &[], &[]).await, bare);
    // What it shows are the defaults: taken as they stand, they change nothing but their origin.
    let taken: String = template
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.contains(" = ") && !line.ends_with("= \"\"") && !line.ends_with("[]"))
        .map(|line| format!("{line}\n"))
        .collect();
    let from_file = in_force(&taken, &[], &[]).await;
    assert_eq!(from_file.replace("# file", "# default"), bare);
    assert!(from_file.matches("# file").count() > 10, "{from_file}");
}

#[tokio::test]
async fn the_prod_profile_starts_only_with_what_is_exposed() {
    let output = outcome(program(&["--check-config", "--profile", "prod"])).await;
    assert_fails_with(&output, &["prod", "--expose"]);
    let flags = ["--profile", "prod", "--expose", "greeting_service.*"];
    let text = in_force("", &[], &flags).await;
    assert!(text.contains("profile = \"prod\" # flag"), "{text}");
}
