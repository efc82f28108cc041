//! What the compiler does not see: which crate may know which, how long files are, what they are called, and that each
//! part of the protocol has its page.

#![expect(
    clippy::indexing_slicing,
    reason = "a manifest without these keys is a failure, too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// Who may depend on whom. A new arrow is an architectural decision.
const EDGES: [(&str, &[&str]); 12] = [
    ("protocol", &[]),
    ("did", &["protocol"]),
    ("vault", &[]),
    ("service", &["protocol"]),
    ("registry-consensus", &[]),
    ("registry-client", &["protocol"]),
    ("registry", &["protocol", "service", "registry-consensus"]),
    (
        "registry-simulation",
        &["protocol", "registry", "registry-consensus"],
    ),
    (
        "issuer",
        &["protocol", "did", "vault", "service", "registry-client"],
    ),
    (
        "verifier",
        &["protocol", "vault", "service", "registry-client"],
    ),
    ("wallet", &["protocol", "vault", "registry-client"]),
    (
        "tests",
        &[
            "protocol",
            "did",
            "vault",
            "service",
            "registry-consensus",
            "registry-client",
            "registry",
            "issuer",
            "verifier",
            "wallet",
        ],
    ),
];

/// Libraries that stay behind the crates named. `tests` sees everything.
const BEHIND: [(&str, &[&str]); 9] = [
    ("axum", &["service", "registry", "issuer", "verifier"]),
    ("hyper", &["service"]),
    (
        "tokio",
        &[
            "did",
            "service",
            "registry",
            "registry-client",
            "registry-consensus",
            "registry-simulation",
            "issuer",
            "verifier",
            "wallet",
        ],
    ),
    (
        "reqwest",
        &[
            "service",
            "registry",
            "registry-client",
            "issuer",
            "verifier",
            "wallet",
        ],
    ),
    ("sled", &["vault"]),
    ("ssi", &["did"]),
    (
        "getrandom",
        &[
            "service",
            "vault",
            "registry",
            "registry-client",
            "issuer",
            "verifier",
            "wallet",
        ],
    ),
    ("commonware", &["registry-consensus"]),
    ("openssl", &[]),
];

const LINES_MAX: usize = 500;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 8] = [
    "util", "utils", "common", "helpers", "misc", "types", "models", "dto",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is in the workspace")
        .to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn manifest(path: &Path) -> Table {
    read(path)
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Package name and manifest of every member.
fn members() -> BTreeMap<String, Table> {
    let workspace = manifest(&root().join("Cargo.toml"));
    let folders = workspace["workspace"]["members"]
        .as_array()
        .expect("members is an array");
    folders
        .iter()
        .map(|folder| {
            manifest(
                &root()
                    .join(folder.as_str().expect("a folder"))
                    .join("Cargo.toml"),
            )
        })
        .map(|manifest| {
            (
                manifest["package"]["name"]
                    .as_str()
                    .expect("a name")
                    .to_owned(),
                manifest,
            )
        })
        .collect()
}

fn dependencies(manifest: &Table) -> BTreeSet<String> {
    let table = manifest.get("dependencies").and_then(Value::as_table);
    table.into_iter().flat_map(Table::keys).cloned().collect()
}

/// All files of the project with one of the extensions.
fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            if path.is_dir() {
                if !matches!(name, "target" | "node_modules") && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if path
                .extension()
                .and_then(|e| e.to_str())
                .is_some_and(|e| extensions.contains(&e))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Fails with one line for each complaint.
fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}

#[test]
fn arrows_between_crates_point_where_they_may() {
    let members = members();
    let allowed: BTreeMap<_, _> = EDGES.into_iter().collect();
    let mut complaints = Vec::new();
    for (name, manifest) in &members {
        let Some(may) = allowed.get(name.as_str()) else {
            complaints.push(format!("{name} is not in EDGES"));
            continue;
        };
        for dependency in dependencies(manifest) {
            if members.contains_key(&dependency) && !may.contains(&dependency.as_str()) {
                complaints.push(format!("{name} -> {dependency}"));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn the_package_of_all_tests_depends_on_every_crate() {
    let members = members();
    let known = dependencies(&members["tests"]);
    // The simulation is a harness of its own, with a build of the engine that no other needs.
    let harnesses = ["tests", "registry-simulation"];
    let missing: Vec<_> = members
        .keys()
        .filter(|name| !harnesses.contains(&name.as_str()) && !known.contains(*name))
        .cloned()
        .collect();
    assert_none(&missing);
}

#[test]
fn big_libraries_stay_behind_their_crate() {
    let mut complaints = Vec::new();
    for (name, manifest) in members().iter().filter(|(name, _)| *name != "tests") {
        for dependency in dependencies(manifest) {
            for (library, homes) in BEHIND {
                let is_library =
                    dependency == library || dependency.starts_with(&format!("{library}-"));
                if is_library && !homes.contains(&name.as_str()) {
                    complaints.push(format!("{name} knows {dependency}; only {homes:?} may"));
                }
            }
        }
    }
    assert_none(&complaints);
}

/// Mistakes on purpose are made where somebody asks for them on the command line, and never in a product.
#[test]
fn only_the_simulation_can_plant_mistakes_and_not_by_default() {
    let mut complaints = Vec::new();
    for (name, manifest) in members() {
        let features = manifest.get("features").and_then(Value::as_table);
        for (feature, parts) in features.into_iter().flatten() {
            let plants = parts.to_string().contains("planted");
            if plants && (name != "registry-simulation" || feature != "planted") {
                complaints.push(format!("{name}: {feature} plants mistakes"));
            }
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(Value::as_table) else {
                continue;
            };
            for (dependency, value) in table {
                if value.to_string().contains("planted") {
                    complaints.push(format!("{name}: {dependency} comes with mistakes"));
                }
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn versions_and_lints_come_from_the_workspace() {
    let mut complaints = Vec::new();
    for (name, manifest) in members() {
        if manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(Value::as_bool)
            != Some(true)
        {
            complaints.push(format!("{name} does not take the workspace's lints"));
        }
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(table) = manifest.get(section).and_then(Value::as_table) else {
                continue;
            };
            for (dependency, value) in table {
                if value.get("workspace").and_then(Value::as_bool) != Some(true) {
                    complaints.push(format!("{name}: {dependency} has a version of its own"));
                }
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn files_are_short() {
    let long = files(&["rs"]).into_iter().filter_map(|path| {
        let lines = read(&path).lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines", path.display()))
    });
    assert_none(&long.collect::<Vec<_>>());
}

#[test]
fn names_say_what_is_inside() {
    let empty = files(&["rs"]).into_iter().filter(|path| {
        let path = path.strip_prefix(root()).expect("a file of the project");
        path.with_extension("").components().any(|part| {
            part.as_os_str()
                .to_str()
                .is_some_and(|name| EMPTY_NAMES.contains(&name))
        })
    });
    assert_none(
        &empty
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_module_with_parts_is_a_folder_with_mod_rs() {
    let beside = files(&["rs"])
        .into_iter()
        .filter(|path| path.with_extension("").is_dir());
    assert_none(
        &beside
            .map(|path| path.display().to_string())
            .collect::<Vec<_>>(),
    );
}

#[test]
fn each_part_of_the_protocol_has_its_page() {
    let library = read(&root().join("protocol/src/lib.rs"));
    let modules = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let missing = modules
        .filter(|module| root().join("protocol/src").join(module).is_dir())
        .map(|module| root().join("specs").join(module).with_extension("md"))
        .filter(|page| !page.is_file())
        .map(|page| format!("{} is missing", page.display()));
    assert_none(&missing.collect::<Vec<_>>());
}

#[test]
fn the_index_of_the_specifications_names_every_page() {
    let index = read(&root().join("specs/README.md"));
    let pages = files(&["md", "cddl"])
        .into_iter()
        .filter(|path| path.parent() == Some(&root().join("specs")));
    let missing = pages
        .filter_map(|page| Some(page.file_name()?.to_str()?.to_owned()))
        .filter(|name| name != "README.md" && !index.contains(&format!("({name})")));
    assert_none(&missing.collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_half_done() {
    // Assembled here so that this file does not accuse itself.
    let marks = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["todo", "!("],
        ["unimplemented", "!("],
        ["Under ", "construction"],
    ];
    let marks = marks.map(|halves| halves.concat());
    let mut complaints = Vec::new();
    for path in files(&["rs", "md", "toml"]) {
        for (number, line) in read(&path).lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                complaints.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn nothing_is_allowed_silently_or_unsafe() {
    let marks = [
        ["#[allow", "("],
        ["unsafe", " {"],
        ["unsafe", " fn"],
        ["unsafe", " impl"],
    ]
    .map(|halves| halves.concat());
    let mut complaints = Vec::new();
    for path in files(&["rs"]) {
        for (number, line) in read(&path).lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                complaints.push(format!(
                    "{}:{}: {}",
                    path.display(),
                    number + 1,
                    line.trim()
                ));
            }
        }
    }
    assert_none(&complaints);
}

#[test]
fn every_invariant_of_the_registry_has_checks_that_exist() {
    let sources: String = files(&["rs"]).iter().map(|path| read(path)).collect();
    let page = read(&root().join("specs/faults.md"));
    let mut complaints = Vec::new();
    for number in 1..=13 {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| N{number} ")));
        let checks = row
            .and_then(|row| row.rsplit(" | ").next())
            .unwrap_or_default();
        let checks: Vec<&str> = checks.split('`').skip(1).step_by(2).collect();
        if checks.is_empty() {
            complaints.push(format!("N{number} has no check"));
        }
        let gone = checks
            .iter()
            .filter(|name| !sources.contains(&format!("fn {name}(")));
        complaints.extend(gone.map(|name| format!("N{number}: no test is called {name}")));
    }
    assert_none(&complaints);
}
