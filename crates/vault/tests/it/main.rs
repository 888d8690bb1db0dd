//! What the crate promises to other processes: real ones that write at once, and servers that answer.

#[cfg(test)]
mod hashicorp;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod server;
