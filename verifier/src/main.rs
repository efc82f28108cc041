//! The tegata-verifier program.

fn main() {}
