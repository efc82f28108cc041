#!/usr/bin/env bash
# All checks of the project; ends with an error at the first that fails.
set -euo pipefail
cd "$(dirname "$0")"

step() {
    printf '\n== %s\n' "$*"
    "$@"
}

step cargo fmt --all --check
step cargo clippy --workspace --all-targets --locked -- -D warnings
step cargo test --workspace --locked
step env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
printf '\nAll checks passed.\n'
