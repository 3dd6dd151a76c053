//! Every example prints what its head says: `$ cargo run -q --example <name>`, then the output.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn examples_print_what_their_heads_say() {
    let examples = examples();
    assert!(examples.len() >= 3, "the examples have gone");
    for example in &examples {
        let name = example
            .file_stem()
            .expect("it has a name")
            .to_string_lossy();
        let text = fs::read_to_string(example).expect("it is readable");
        let lines = text.lines().count();
        assert!(
            lines <= 40,
            "{name} has {lines} lines: one concept an example"
        );
        let (command, expected) = head(&name, &text);
        assert_eq!(command, format!("cargo run -q --example {name}"));
        let output = Command::new(program(&name, example))
            // Each starts a broker of its own.
            .env_remove("NATS_URL")
            .output()
            .expect("it starts");
        let printed = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            printed.trim_end(),
            expected,
            "{name} printed something else; {error}"
        );
        assert!(output.status.success(), "{name} failed: {error}");
    }
}

/// Reads the command and the output that the first `text` block of an example's documentation shows.
fn head(name: &str, text: &str) -> (String, String) {
    let documentation = text.lines().map_while(|line| line.strip_prefix("//!"));
    let documentation = documentation.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let block: Vec<_> = documentation
        .skip_while(|line| *line != "```text")
        .skip(1)
        .take_while(|line| *line != "```")
        .collect();
    let Some((command, output)) = block.split_first() else {
        panic!("{name} begins with no `text` block that shows its command and output");
    };
    let command = command.strip_prefix("$ ").unwrap_or(command);
    (command.to_owned(), output.join("\n"))
}

/// Returns the built example, which `cargo test` has built unless it was told which tests to run.
fn program(name: &str, source: &Path) -> PathBuf {
    let this = std::env::current_exe().expect("this program has a path");
    let target = this
        .ancestors()
        .nth(2)
        .expect("it is in `deps`, below the profile's folder");
    let program = target
        .join("examples")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    let changed = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
    assert!(
        changed(&program) >= changed(source) && program.exists(),
        "{} is not built or older than its source: `cargo build -p examples --examples`",
        program.display()
    );
    program
}

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = fs::read_dir(folder).expect("there is a folder `examples`");
    let mut examples: Vec<_> = entries
        .map(|entry| entry.expect("it is readable").path())
        .collect();
    examples.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    examples.sort();
    examples
}
