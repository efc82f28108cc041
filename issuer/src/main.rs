//! The tegata-issuer program.

fn main() {}
