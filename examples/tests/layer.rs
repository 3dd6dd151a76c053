//! The example `layer` prints what its first lines say.

use std::process::Command;

#[test]
fn the_example_tells_of_each_call() {
    let mut example = Command::new(env!("CARGO_BIN_EXE_layer"));
    let output = example.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "greeting_service.hello ended well\n");
}
