//! Checks plans, folds events, runs the loop.
