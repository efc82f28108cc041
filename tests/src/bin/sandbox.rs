//! Offers and requests from a sandbox that is up.

fn main() {}
