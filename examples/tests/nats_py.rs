//! A Python program with nats-py calls our services: the script of the examples,
//! on the embedded broker and on the real nats-server.

mod support;

use std::{fs, path::Path, process::Command};

use support::http::request;
use support::{Process, Stack, run, tool};

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

/// A service as nats-py's `micro` makes it: no schema, no hash, no announcement.
const FOREIGN: &str = r#"
import asyncio, sys, nats, nats.micro

async def main():
    client = await nats.connect(sys.argv[1])
    service = await nats.micro.add_service(client, name="python_service", version="0.1.0")
    async def echo(request):
        await request.respond(b"[[" + (request.data or b"null") + b"], {}]")
    await service.add_group(name="python_service").add_endpoint(name="echo", handler=echo)
    await client.flush()
    print("READY", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"#;

#[test]
fn a_service_of_nats_py_is_callable_over_http_while_it_runs() {
    let Some(python) = tool("NATS_PY", "a service of another library behind the bridge") else {
        return;
    };
    let stack = Stack::on_the_embedded_broker();
    let http = stack.http.as_deref().expect("the demo has a bridge");
    let call = || request(http, "POST", "/python_service.echo", "[[1]]");
    let mut service = Process::start(
        Command::new(python)
            .args(["-W", "ignore", "-c", FOREIGN])
            .arg(&stack.nats),
    );
    service.wait_for_line("READY");
    assert_eq!(call(), (200, "[[[[1]]], {}]".to_owned()));
    let (_, routes) = request(http, "GET", "/routes", "");
    assert!(routes.contains("\"python_service.echo\""), "{routes}");
    let (_, description) = request(http, "GET", "/openapi.json", "");
    assert!(
        description.contains("/python_service.echo"),
        "{description}"
    );
    // It dies without a word; the server knows at once that nobody listens.
    drop(service);
    let (status, problem) = call();
    assert_eq!(status, 503, "{problem}");
}
