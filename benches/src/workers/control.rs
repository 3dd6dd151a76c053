//! What every worker can be asked, and how it learns that it shall end.

use std::io::{Write as _, stdin, stdout};

use crate::load::cpu_nanos;

/// Says that the worker is ready, and where.
pub(crate) fn ready(address: &str) {
    say(&format!("READY {address}"));
}

/// Answers one line.
pub(crate) fn say(line: &str) {
    // When nobody reads any more, standard input has ended too.
    let _ = writeln!(stdout(), "{line}");
}

/// Says that the worker is ready, answers questions for CPU time from a thread that sleeps
/// otherwise, and ends the process when standard input does.
pub(crate) fn ready_until_told(address: &str) {
    ready(address);
    std::thread::spawn(|| {
        for _question in stdin().lines().map_while(Result::ok) {
            say(&cpu_nanos().to_string());
        }
        std::process::exit(0);
    });
}
