//! Stories with the real programs. One binary, so that one sandbox serves them all; what kills a service starts its own.

mod harness;
mod privacy;
