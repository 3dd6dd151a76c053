//! The invariants of ARCHITECTURE.md that a search can check.

use std::fs;
use std::path::{Path, PathBuf};

use rpc_core::Code;

#[test]
fn the_protocol_does_no_io() {
    for file in sources("rpc-core/src/protocol") {
        forbid(&file, &["tokio", "async_nats", "std::net", "std::fs"]);
    }
}

#[test]
fn few_files_touch_the_nats_client() {
    let allowed = [
        "catalog/",
        "client/exchange.rs",
        "connection/",
        "discovery.rs",
        "mux/",
        "outbox.rs",
        "serve/",
        // Mentions it in a log filter.
        "log.rs",
    ];
    let source = root().join("rpc-core/src");
    for file in sources("rpc-core/src") {
        let path = file.strip_prefix(&source).expect("it is below that folder");
        let path = path.to_string_lossy().replace('\\', "/");
        if !allowed.iter().any(|allowed| path.starts_with(allowed)) {
            forbid(&file, &["async_nats"]);
        }
    }
}

#[test]
fn broker_and_macros_depend_on_no_crate_of_the_workspace() {
    for manifest in ["rpc-broker/Cargo.toml", "rpc-macros/Cargo.toml"] {
        let text = read(&root().join(manifest));
        let dependencies = text.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for name in ["rpc-core", "rpc-macros", "rpc-broker", "http-bridge"] {
            assert!(!dependencies.contains(name), "{manifest} depends on {name}");
        }
    }
}

#[test]
fn the_bridge_does_not_decode_arguments() {
    for file in sources("http-bridge/src/routes/call") {
        forbid(&file, &["serde_json", "serde::"]);
    }
}

#[test]
fn every_code_is_explained_with_an_example() {
    let page = read(&root().join("docs/errors.md"));
    let mut sections: Vec<(&str, &str)> = page
        .split("\n### `")
        .skip(1)
        .filter_map(|section| section.split_once("`\n"))
        .collect();
    let status = read(&root().join("http-bridge/src/status.rs"));
    // The codes are the only texts of that file: every second part between its quotation marks.
    let of_http = status
        .split('"')
        .skip(1)
        .step_by(2)
        .map(|code| (code, None));
    let of_wire = Code::ALL.map(|code| (code.as_str(), Some(code.number())));
    for (code, number) in of_wire.into_iter().chain(of_http) {
        let place = sections.iter().position(|(name, _)| *name == code);
        let place = place.unwrap_or_else(|| panic!("docs/errors.md has no section `{code}`"));
        let (_, section) = sections.remove(place);
        let example = section.contains(&format!("\"code\": \"{code}\""));
        let numbered = number.is_none_or(|number| section.trim().starts_with(&number.to_string()));
        assert!(example, "the section `{code}` has no example");
        assert!(numbered, "the section `{code}` begins with its number");
    }
    assert_eq!(sections, [], "docs/errors.md explains what is no code");
}

#[test]
fn no_pinned_tool_chain() {
    for name in ["rust-toolchain", "rust-toolchain.toml"] {
        assert!(
            !root().join(name).exists(),
            "{name} fails where the channel cannot be downloaded"
        );
    }
}

#[test]
fn files_stay_readable() {
    for folder in [
        "rpc-core/src",
        "rpc-macros/src",
        "rpc-broker/src",
        "http-bridge/src",
        "examples/src",
    ] {
        for file in sources(folder) {
            let lines = read(&file).lines().count();
            assert!(
                lines <= 500,
                "{} has {lines} lines: look for the seam",
                file.display()
            );
        }
    }
}

fn forbid(file: &Path, words: &[&str]) {
    let text = read(file);
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for word in words {
            assert!(
                !code.contains(word),
                "{}:{}: `{word}`",
                file.display(),
                number + 1
            );
        }
    }
}

/// Returns the Rust files below a folder; there must be some.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.expect("it is readable").path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => {
                    files.push(path);
                }
                false => {}
            }
        }
    }
    assert!(!files.is_empty(), "{folder} has no Rust files");
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
