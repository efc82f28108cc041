//! The tegata program.

fn main() {}
