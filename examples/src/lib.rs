//! Sample services, one file each, and the programs that run them: `demo` (broker, services and
//! HTTP bridge in one process) and `services` (the services alone, on `NATS_URL`).

pub mod greeting_service;
pub mod probe_service;
