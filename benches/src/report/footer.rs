//! Every decision that shapes a figure, below the figures.

use std::thread::available_parallelism;

use crate::contenders::{REPLY, REQUEST};
use crate::measure::Run;
use crate::options::Plan;

/// Returns the footer: the contenders, the method, the machine.
pub(crate) fn text(plan: &Plan, run: &Run) -> String {
    let mut text = String::from("\nContenders\n");
    for contender in &plan.contenders {
        text += &format!("  {:<13} {}\n", contender.name, contender.about);
    }
    text += "\nHow it was measured\n";
    for line in lines(plan, run) {
        text += &format!("  {line}\n");
    }
    text
}

/// Returns how it was measured, a sentence each.
pub(crate) fn lines(plan: &Plan, run: &Run) -> Vec<String> {
    let levels: Vec<_> = plan.in_flight.iter().map(u32::to_string).collect();
    vec![
        format!(
            "Call: {} bytes there, {} bytes back: {} → {}; no headers. Every reply is compared.",
            REQUEST.len(),
            REPLY.len(),
            String::from_utf8_lossy(REQUEST),
            String::from_utf8_lossy(REPLY),
        ),
        format!(
            "In flight: {}; each caller makes its next call when it has a reply. Over HTTP a caller \
             is a keep-alive connection.",
            levels.join(", ")
        ),
        format!(
            "{} rounds of {} ms after {} ms of warm-up, contenders in turn (A B C A B C), fresh \
             processes each time.",
            plan.rounds,
            plan.duration.as_millis(),
            plan.warm_up.as_millis(),
        ),
        "Figures are medians over the rounds; a ratio is the median of the rounds' ratios; ± is \
         half the distance between the extremes."
            .to_owned(),
        "client, bridge, service: CPU time a call of that process, user and system, all threads. \
         Latencies are the callers' own, one clock reading a call."
            .to_owned(),
        "Broker, service, bridge and client are processes of their own on loopback TCP; release \
         build, the system's allocator, no core pinned."
            .to_owned(),
        format!(
            "Machine: {} cores ({}), load average at the start {}. With fewer cores than processes \
             calls/s is noisy: trust CPU time and ratios.",
            cores(),
            cpu_model(),
            run.load_average
        ),
    ]
}

/// Returns how many cores this process may use.
pub(crate) fn cores() -> usize {
    available_parallelism().map_or(0, usize::from)
}

/// Returns what the processor calls itself.
pub(crate) fn cpu_model() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or_else(
            || std::env::consts::ARCH.to_owned(),
            |(_, name)| name.to_owned(),
        )
}
