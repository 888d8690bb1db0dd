//! Leaks: fresh secrets go through the program, and nothing that is left of a run holds them.
//!
//! Each test plants canaries (`tests::canary`), lets the real binary work, and searches stdout,
//! stderr, what servers received and every file, byte by byte, with the oracle (`tests::oracle`).
//! What was to be said must still be said. The runs are kept, so the files are those of the store
//! too. The numbers are those of the 96 scenarios of the security study; `docs/security.md` tells of
//! the promises.
//!
//! | scenarios | what | test, or what it waits for |
//! |---|---|---|
//! | 1, 2, 16–22, 26 | a request fails or comes back | `what_a_server_gives_back_is_a_handle_again` |
//! | 3 | a secret in a host name | `no_secret_stands_before_the_path` |
//! | 4–7, 27, 71 | connections that fail, `RUST_LOG=trace` | `errors_of_connections_name_host_and_reason_only` |
//! | 8–10, 12, 13 | redirects to another host, name or port | `another_origin_gets_nothing` |
//! | 11 | from https to http | `some_redirects_are_never_followed` |
//! | 15 | proxies in the environment | `a_proxy_in_the_environment_gets_nothing` |
//! | 24, 25 | requests that are refused | `requests_that_are_refused_quote_nothing` |
//! | 30 | tokens that a server gives | `a_token_that_a_server_gives_is_a_secret` |
//! | 90, 91 | data that looks like a reference | `data_is_never_rendered_again` |
//! | 31, 33, 34, 36–38, 42, 43 | scripts with a handle | `scripts_with_a_handle_show_nothing` |
//! | 39 | scripts that were given a value | `scripts_that_were_given_a_value_show_nothing` |
//! | 41 | what was revealed, in the state | `a_revealed_value_stays_where_it_was_revealed` |
//! | 35 | imports | `nothing_of_the_host_can_be_reached` |
//! | 44 | compiled scripts | `nothing_of_the_vault_is_left_in_the_program` |
//! | 45 | workers of several runs | `a_worker_that_knows_a_secret_gets_no_other_script` |
//! | 32 | panics in blocks | `the_text_of_a_panic_is_in_no_event` |
//! | 68 | backtraces | `a_panic_says_where_it_was_and_nothing_more` |
//! | 50 | keys that are not there | `a_missing_secret_ends_with_3_before_any_block_runs` |
//! | 51, 58, 69 | commands that read: schema, graph, fmt, doctor | `commands_that_read_a_blueprint_show_names_of_keys` |
//! | 52, 57 | what is kept of a run | `what_is_kept_of_a_run_holds_no_value` |
//! | 53, 54, 56 | a killed run, its log, and a key changed meanwhile | `a_run_that_was_killed_leaves_no_value_and_goes_on_without_any` |
//! | 55, 92 | runs that fail | `a_failed_run_shows_names_of_keys` |
//! | 64, 79, 81 | events, names of files | `every_output_shows_names_of_keys` |
//! | 65, 66 | a process that is killed | `a_run_that_is_killed_leaves_no_memory_image` |
//! | 60, 61 | children | `a_child_gets_neither_variables_nor_arguments` |
//! | 62, 63 | arguments | `a_value_is_never_an_argument` |
//! | 72, 74 | mistakes in a file | `mistakes_show_names_of_keys` |
//! | 73, 86 | input that is refused | `input_that_is_refused_is_not_repeated` |
//! | 84, 85 | the vault's commands give no value | `commands_of_the_vault_show_no_value` |
//! | 95, 96 | refusals, what is not used | `uses_are_audited_and_others_do_not_happen` |
//! | 14 | cookies | none are kept |
//! | 23 | uploads | waits for forms with files |
//! | 28 | cached answers | waits for a cache |
//! | 29 | copies as curl | waits for them |
//! | 40, 46, 47 | a script tells a value letter by letter, by a branch, by time | not promised: `reveal` |
//! | 48, 49 | errors of Python | waits for Python |
//! | 59, 82, 83, 87, 88, 94 | schedules, late listeners, pages, webhooks, tokens of callers | waits for the server |
//! | 67 | swap | not promised |
//! | 70 | `Debug` of types with secrets | reviewed: the compiler holds most |
//! | 75 | a secret written into a blueprint | not promised |
//! | 76 | differences of blueprints | waits for a command that shows them |
//! | 77 | hashes of inputs | none are made |
//! | 78, 80 | traces and metrics | waits for them |
//! | 89 | prompts | waits for models |
//! | 93 | reports of crashes | none are sent or written |

mod bug;
mod chain;
mod echoes;
mod failures;
mod history;
#[cfg(target_os = "linux")]
mod image;
mod mirror;
mod page;
mod scripts;
mod stage;
mod store;
mod vault;
mod views;
