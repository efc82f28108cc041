//! The tegata program.

use std::process::ExitCode;

use clap::Parser;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use wallet::cli::{Arguments, run};

fn main() -> ExitCode {
    forbid_dumps();
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(error) => {
            eprintln!("error: the program cannot start: {error}\nhint: close other programs");
            ExitCode::FAILURE
        }
    }
}

/// No core file and no debugger of the same user shall hold the keys. Where the system does not know this, nothing is lost.
fn forbid_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _unknown = setrlimit(Resource::Core, none);
    let _unknown = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
