//! Tests of blueprints: files of cases, each run with canned answers and held against what is
//! expected of it.

pub mod compare;
pub mod file;
pub mod trial;

pub use self::{
    compare::{Difference, differences},
    file::{Case, Expected, TestFile},
    trial::{Actual, Subject, run},
};
