//! How far the run is: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::Instant;

const WIDTH: usize = 24;

/// The progress of a run, on standard error.
pub(crate) struct Progress {
    total: usize,
    done: usize,
    started: Instant,
    terminal: bool,
    colour: bool,
}

impl Progress {
    /// Starts at nothing of `total`.
    pub(crate) fn new(total: usize) -> Self {
        let terminal = stderr().is_terminal();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            total,
            done: 0,
            started: Instant::now(),
            terminal,
            colour: terminal && !no_colour,
        }
    }

    /// Says what is measured next.
    pub(crate) fn next(&mut self, what: &str) {
        if self.terminal {
            self.draw(what);
        } else if self.done.is_multiple_of((self.total / 10).max(1)) {
            eprintln!("{:>4}/{} {what}", self.done, self.total);
        }
        self.done += 1;
    }

    fn draw(&self, what: &str) {
        let filled = WIDTH * self.done / self.total.max(1);
        let bar = format!("{}{}", "━".repeat(filled), "╌".repeat(WIDTH - filled));
        let bar = match self.colour {
            true => format!("\x1b[32m{bar}\x1b[0m"),
            false => bar,
        };
        let left = match self.done {
            0 => String::new(),
            done => {
                let each = self.started.elapsed().as_secs_f64() / done as f64;
                format!("{:.0} s left", each * (self.total - done) as f64)
            }
        };
        // One `write` for the line, so that it does not flicker. `\x1b[K` clears what was longer.
        let _ = write!(stderr(), "\r{bar} {left:>10}  {what}\x1b[K");
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
