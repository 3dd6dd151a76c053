//! The example `layer` prints what its first lines say.

use std::process::Command;

#[test]
fn the_example_tells_of_each_call() {
    // Beside the folder of this test: `cargo test -p examples` builds both.
    let here = std::env::current_exe().unwrap();
    let examples = here.ancestors().nth(2).unwrap().join("examples");
    let mut example = Command::new(examples.join("layer"));
    let output = example.env_remove("NATS_URL").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "greeting_service.hello ended well\n");
}
