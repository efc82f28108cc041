//! Plays both journeys.

fn main() {}
