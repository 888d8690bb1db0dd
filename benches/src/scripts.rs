//! What the script language can do without an engine: L2, a script compiled once and run again and
//! again.

use std::hint::black_box;

use rhai::{AST, Dynamic, Engine, Scope};

/// The text of a script that adds two numbers.
pub const ADD: &str = "a + b";

/// The text of a script that computes for a while.
pub const FIB: &str = "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } fib(10)";

/// A compiled script.
pub struct Script {
    engine: Engine,
    ast: AST,
}

impl Script {
    /// Compiles a script.
    ///
    /// # Panics
    ///
    /// Panics if it is none.
    pub fn new(text: &str) -> Self {
        let mut engine = Engine::new();
        // A debug build of Rhai allows fewer than these scripts have.
        engine.set_max_call_levels(64);
        let ast = engine.compile(text).expect("the scripts of benches are right");
        Self { engine, ast }
    }

    /// Runs it so many times, each in a scope of four variables.
    ///
    /// # Panics
    ///
    /// Panics if it fails.
    pub fn run(&self, times: usize) {
        for _ in 0..times {
            let mut scope = Scope::new();
            for name in ["a", "b", "c", "d"] {
                scope.push(name, 1_i64);
            }
            let result = self.engine.eval_ast_with_scope::<Dynamic>(&mut scope, &self.ast);
            drop(black_box(result.expect("the scripts of benches do not fail")));
        }
    }
}
