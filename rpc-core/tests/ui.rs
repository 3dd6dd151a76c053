//! What compiles, and what a user reads when it does not: `ui/pass` and `ui/fail`.
//!
//! A file of `ui/fail` makes one mistake and is named after it; its `.stderr` is what the compiler
//! says. `TRYBUILD=overwrite cargo test -p rpc-core --test ui` records them anew: read them as a
//! user would before you commit them.

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The compiler that the `.stderr` files were recorded with; others word things differently.
const RECORDED_WITH: &str = "rustc 1.95.0";

#[test]
fn every_form_compiles() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

#[test]
fn every_mistake_is_reported() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    if version.starts_with(RECORDED_WITH) {
        trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
        return;
    }
    // Not `println!`, which the test harness keeps to itself when a test passes.
    let notice = format!(
        "NOT COMPARED: the messages of tests/ui/fail were recorded with {RECORDED_WITH}, this is {}; \
         checked only that none of these files compiles\n",
        version.trim()
    );
    io::stderr().write_all(notice.as_bytes()).unwrap();
    none_compiles().unwrap();
}

/// Checks that no file of `ui/fail` compiles, whatever the compiler says of it.
fn none_compiles() -> io::Result<()> {
    let cases = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ui_fail");
    _ = fs::remove_dir_all(&cases);
    fs::create_dir_all(&cases)?;
    for case in fs::read_dir("tests/ui/fail")? {
        let case = case?;
        if case
            .path()
            .extension()
            .is_some_and(|extension| extension == "rs")
        {
            fs::copy(case.path(), cases.join(case.file_name()))?;
        }
    }
    // Without a `.stderr` beside it, trybuild keeps the message of a file that does not compile and
    // says in its panic that it did so; a file that compiles makes that panic another one.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        trybuild::TestCases::new().compile_fail(cases.join("*.rs"));
    }));
    _ = fs::remove_dir_all("wip");
    let panic = outcome.expect_err("trybuild keeps messages by panicking");
    let text = panic.downcast_ref::<String>().map_or("", String::as_str);
    assert!(text.starts_with("successfully created"), "{text}");
    Ok(())
}
