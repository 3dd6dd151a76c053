//! What `/openapi.json` of the demo says, and whether the demo keeps to it: judged by tools that are
//! not ours.

mod support;

use std::process::Command;
use std::{env, fs};

use support::http::request;
use support::{Stack, run, tool};

#[test]
fn the_demo_describes_itself_as_valid_openapi() {
    let Some(python) = tool("OPENAPI_PY", "the description of the demo") else {
        return;
    };
    let stack = Stack::on_the_embedded_broker();
    let http = stack.http.as_deref().expect("the demo has a bridge");
    let (status, text) = request(http, "GET", "/openapi.json", "");
    assert_eq!(status, 200, "{text}");
    for path in ["/greeting_service.hello", "/v1/greeting/{first_name}"] {
        assert!(text.contains(path), "{path} is missing: {text}");
    }
    let folder = own_folder();
    let file = folder.join("openapi.json");
    fs::write(&file, text).expect("the folder was made for it");
    run(Command::new(&python)
        .args(["-m", "openapi_spec_validator"])
        .arg(&file));
    // The tool must be one that can fail.
    fs::write(&file, r#"{"openapi": "3.1.0", "info": {}}"#).expect("it is there already");
    let refused = Command::new(&python)
        .args(["-m", "openapi_spec_validator"])
        .arg(&file)
        .output();
    assert!(!refused.expect("it has run before").status.success());
    let _ = fs::remove_dir_all(folder);
}

/// schemathesis makes requests of the description, good ones and bad ones, and compares each
/// answer with it: status, type, schema, `Allow`, and that nothing good is refused and nothing bad
/// accepted. `SOAK=1` makes hundreds for each operation.
#[test]
fn the_demo_keeps_to_its_description() {
    let Some(python) = tool("OPENAPI_PY", "that answers are as described") else {
        return;
    };
    let stack = Stack::on_the_embedded_broker();
    let http = stack.http.as_deref().expect("the demo has a bridge");
    let examples = match env::var("SOAK").as_deref() {
        Ok("1") => "500",
        _ => "20",
    };
    let folder = own_folder();
    let report = run(Command::new(python)
        .current_dir(&folder)
        .args(["-m", "schemathesis.cli", "run", "--no-color"])
        .args(["--max-examples", examples, "--generation-deterministic"])
        // Each of its calls takes ten seconds, as it says.
        .args(["--exclude-path-regex", "slow|sleep"])
        .arg(format!("{http}/openapi.json")));
    assert!(report.contains("Tested: 3"), "{report}");
    let _ = fs::remove_dir_all(folder);
}

/// Creates a folder of one test's own.
fn own_folder() -> std::path::PathBuf {
    let name = format!(
        "openapi-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let folder = env::temp_dir().join(name.replace(['(', ')'], ""));
    fs::create_dir_all(&folder).expect("temporary files can be made");
    folder
}
