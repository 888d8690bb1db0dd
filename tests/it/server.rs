//! A project served: what comes back over HTTP. One module for each area.

mod basics;
