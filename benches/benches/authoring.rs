//! Reading, checking and starting: what an author waits for.

use std::process::Command;

use benches::harness::{Effort, Table};
use blueprint::bench::{
    harness::{Spread, time},
    shapes::{Kind, Shape, blueprint},
    table::ns,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let effort = Effort::of_process();
    let registry = blueprint_project::wiring::registry();
    let mut table = Table::new(&["what", "blocks", "median", "p10", "p90"]);
    for blocks in [effort.size(1_000, 50), effort.size(10_000, 100)] {
        for shape in Shape::ALL {
            let text = blueprint(shape, Kind::CODE, blocks).text;
            let samples = (0..effort.rounds()).map(|_| {
                let took = time(|| {
                    let checked = blueprint_project::project::check_bytes(
                        "bench.yaml",
                        text.as_bytes(),
                        &registry,
                    );
                    assert!(checked.plan.is_some());
                });
                took.as_nanos() as f64
            });
            table.row(&cells(
                &format!("check {} of scripts", shape.as_str()),
                blocks,
                samples.collect(),
            ));
        }
    }
    if let Some(binary) = binary() {
        let folder = std::env::temp_dir().join(format!("blueprint-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let file = folder.join("ten.yaml");
        std::fs::write(&file, blueprint(Shape::Chain, Kind::CODE, 10).text)
            .expect("a temporary file");
        let samples = (0..effort.rounds() * 4).map(|_| {
            let mut command = Command::new(&binary);
            command.arg("run").arg(&file).args(["--output", "quiet"]);
            let took = time(|| assert!(command.status().expect("the binary runs").success()));
            took.as_nanos() as f64
        });
        table.row(&cells("process start to exit, 10 scripts", 10, samples.collect()));
        std::fs::remove_dir_all(&folder).expect("it is still there");
    }
    table.print();
}

fn cells(what: &str, blocks: usize, samples: Vec<f64>) -> Vec<String> {
    let spread = Spread::of(samples);
    vec![what.into(), blocks.to_string(), ns(spread.median), ns(spread.p10), ns(spread.p90)]
}

/// The release binary beside this bench, if it was built.
fn binary() -> Option<std::path::PathBuf> {
    let bench = std::env::current_exe().ok()?;
    let path = bench.parent()?.parent()?.join("blueprint");
    path.is_file().then_some(path)
}
