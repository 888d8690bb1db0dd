//! The one test binary: the whole truth about the engine and its code base.

mod semantics;
