//! The golden transcripts against the embedded broker.

use rpc_broker::EmbeddedBroker;

use crate::transcript::Case;

/// All transcript files, by subject.
pub(crate) const FILES: [(&str, &str); 8] = [
    ("parser", include_str!("../transcripts/parser.txt")),
    ("limits", include_str!("../transcripts/limits.txt")),
    ("connect", include_str!("../transcripts/connect.txt")),
    ("auth", include_str!("../transcripts/auth.txt")),
    ("subscribe", include_str!("../transcripts/subscribe.txt")),
    ("publish", include_str!("../transcripts/publish.txt")),
    ("headers", include_str!("../transcripts/headers.txt")),
    ("responders", include_str!("../transcripts/responders.txt")),
];

#[test]
fn the_broker_follows_every_transcript() {
    let mut failures = Vec::new();
    for (file, text) in FILES {
        for case in Case::read_all(text) {
            let broker =
                EmbeddedBroker::start(case.settings.to_config()).expect("a free loopback port");
            if let Err(problem) = case.play(broker.address()) {
                failures.push(format!("{file}: {}\n    {problem}", case.name));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}
