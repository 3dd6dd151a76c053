//! A Python program with nats-py calls our services: the script of the examples,
//! on the embedded broker and on the real nats-server.

mod support;

use std::{fs, path::Path, process::Command};

use support::{Stack, run, tool};

#[test]
fn python_script_works_on_the_embedded_broker() {
    let Some(python) = tool("NATS_PY", "the Python client") else {
        return;
    };
    let stack = Stack::on_the_embedded_broker();
    prints_what_its_head_comment_promises(&python, &stack.nats);
}

#[test]
fn python_script_works_on_the_real_server() {
    let Some(python) = tool("NATS_PY", "the Python client") else {
        return;
    };
    let Some(stack) = Stack::on_a_real_server() else {
        return;
    };
    prints_what_its_head_comment_promises(&python, &stack.nats);
}

fn prints_what_its_head_comment_promises(python: &Path, url: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/greet.py");
    let source = fs::read_to_string(&script).expect("the script is part of the package");
    // The indented lines after the one that shows the command, up to the next gap.
    let promised: String = source
        .lines()
        .skip_while(|line| !line.contains("$ NATS_URL="))
        .skip(1)
        .map_while(|line| line.strip_prefix("    "))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert!(!promised.is_empty(), "the head comment shows no output");

    let printed = run(Command::new(python)
        // A newer Python may warn about what nats-py does: not our subject.
        .args(["-W", "ignore"])
        .arg(&script)
        .env("NATS_URL", url));
    assert_eq!(printed, promised);
}
