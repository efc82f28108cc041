//! The tegata-registry program.

fn main() {}
