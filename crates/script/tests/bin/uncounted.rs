//! A worker without a bound on memory but the system's: what dies here would have been stopped.

#[path = "../it/derivations.rs"]
mod derivations;

fn main() {
    blueprint_script::worker_main(derivations::DERIVATIONS);
}
