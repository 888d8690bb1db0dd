//! Leaks: fresh secrets go through the program, and nothing that is left of a run holds them.
//!
//! Each test plants canaries (`tests::canary`), lets the real binary work, and searches stdout,
//! stderr, what servers received and every file, byte by byte, with the oracle (`tests::oracle`).
//! What was to be said must still be said. The numbers are those of the 96 scenarios of the security
//! study; `docs/security.md` tells of the promises.
//!
//! | scenarios | what | where |
//! |---|---|---|
//! | 1, 3–7, 24, 25, 27 | connections that fail, requests that are refused, `RUST_LOG=trace` | `failures` |
//! | 2, 16–22, 26 | answers that give a value back | `echoes::what_a_server…`, `every_spelling…` |
//! | 8–10, 12, 13 | redirects to another host, name or port | `echoes::another_origin_gets_nothing` |
//! | 15 | proxies in the environment | `echoes::a_proxy…` |
//! | 30 | tokens that a server gives | `echoes::a_token…` |
//! | 90, 91 | data that looks like a reference | `echoes::data_is_never_rendered_again` |
//! | 31, 33, 34, 36–39, 41–43 | scripts | `scripts` |
//! | 32, 68 | panics in blocks and outside, backtraces | `bug`, every run (`RUST_BACKTRACE=full`) |
//! | 66, 65 | a process that is killed | `image`; its workers: `what_is_taken_from_a_worker_is_known` |
//! | 50, 52, 55, 64, 65, 71, 72, 74, 81, 92 | views of runs and faults; files and their names | `views` |
//! | 51, 58, 69, 76, 79 | commands that read: schema, graph, fmt, doctor | `views::commands_that_read…` |
//! | 60–63, 73, 84–86 | the vault's commands and sources, children, arguments | `vault` |
//! | 54, 95, 96 | rotation, refusals, what is not used | `vault::uses_are_audited…` |
//!
//! Held elsewhere: 11 (`crates/blocks/src/http_request/tests/redirects.rs`), 35, 44 (`crates/script/
//! tests/it`: `nothing_of_the_vault_is_left_in_the_program`, `nothing_of_the_host_can_be_reached`),
//! 45 (`pool`: `a_worker_that_knows_a_secret_gets_no_other_script`).
//!
//! Do not apply yet: 53, 56, 57 (no store), 59, 77, 82, 83, 87, 88, 93, 94 (no server or UI), 14 (no
//! cookies are kept), 23 (no uploads), 28 (no cache), 29 (no export as curl), 48, 49 (no Python), 78,
//! 80 (no traces, no metrics), 89 (no models). Not promised: 40, 46, 47 (`reveal`), 67 (swap), 75 (a
//! secret that is written into a blueprint). Only reviewed: 70 (`Debug` of types with secrets).

mod bug;
mod chain;
mod echoes;
mod failures;
#[cfg(target_os = "linux")]
mod image;
mod mirror;
mod page;
mod scripts;
mod stage;
mod store;
mod vault;
mod views;
