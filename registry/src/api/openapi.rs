//! `GET /openapi.json`: this interface in the words of OpenAPI 3.1 (`specs/registry-openapi.json`).

use axum::{
    http::header,
    response::{IntoResponse, Response},
};

const DOCUMENT: &str = include_str!("../../../specs/registry-openapi.json");

pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{NOW, Network, block, governor};
    use axum::{
        Router,
        body::{Body, to_bytes},
        http::{Request, StatusCode},
    };
    use protocol::{
        problem::{Problem, ProblemType},
        registry::{
            ContentDigest, RecordId,
            checkpoint::UnverifiedCheckpoint,
            governance::Change,
            merkle::TreeHash,
            receipt::UnverifiedReceipt,
            record::{Body as Says, Proposal, Record},
        },
    };
    use registry_consensus::Application as _;
    use serde_json::Value;
    use std::{
        collections::{BTreeMap, BTreeSet},
        sync::Arc,
    };
    use tempfile::TempDir;
    use tower::ServiceExt as _;

    const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];
    /// Consensus answers it, which does not run here.
    const NEEDS_CONSENSUS: &str = "/finalization";

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    /// Each path and method with what is said of it.
    fn operations(document: &Value) -> Vec<(String, String, Value)> {
        let mut operations = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                operations.push((path.clone(), method.clone(), operation.clone()));
            }
        }
        operations
    }

    /// The path and query that an operation's examples make; the example of a proposal is one that the node knows.
    fn example_of(path: &str, operation: &Value, proposal: &RecordId) -> String {
        let mut target = path.to_owned();
        let mut query = Vec::new();
        for parameter in operation["parameters"].as_array().unwrap_or(&Vec::new()) {
            let name = parameter["name"].as_str().unwrap();
            let example = &parameter["example"];
            let example = match example.as_str() {
                Some(_) if name == "record" => proposal.to_string(),
                Some(text) => text.to_owned(),
                None => example.to_string(),
            };
            if parameter["in"] == "path" {
                target = target.replace(&format!("{{{name}}}"), &example);
            } else {
                query.push(format!("{name}={example}"));
            }
        }
        assert!(
            !target.contains('{'),
            "{path} has no example of a parameter"
        );
        if query.is_empty() {
            return target;
        }
        format!("{target}?{}", query.join("&"))
    }

    /// A node with what the examples speak of.
    fn node() -> (Router, RecordId, TempDir) {
        let (network, directory) = (Network::of(1), tempfile::tempdir().unwrap());
        let replica = Arc::new(network.replica(0, directory.path()));
        let application = network.application();
        let records: Vec<_> = application.iter().collect();
        replica.commit(&block(1, &records)).unwrap();
        let (opened, list) = (network.event(9, 0, 1), network.status_list(0, b"token"));
        let checked = network.event(9, 1, 2);
        replica
            .commit(&block(2, &[&opened, &list, &checked]))
            .unwrap();
        assert!(replica.mirror_status_list(b"token").unwrap());
        let leaves = Proposal {
            activation_height: 0,
            expires: NOW.plus_seconds(3_600),
            change: Change::RetireIssuer {
                id: "https://issuer.example".to_owned(),
            },
        };
        let leaves = Says::Proposal(Box::new(leaves));
        let leaves = Record::sign(network.genesis.network(), leaves, &governor(0));
        replica.commit(&block(3, &[&leaves])).unwrap();
        (super::super::router(replica), leaves.id(), directory)
    }

    async fn ask(router: &Router, method: &str, target: &str) -> (StatusCode, String, Vec<u8>) {
        let request = Request::builder().method(method.to_uppercase().as_str());
        let request = request.uri(target).body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let kind = answer.headers().get(header::CONTENT_TYPE);
        let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), 1024 * 1024).await.unwrap();
        (status, kind, body.to_vec())
    }

    #[test]
    fn the_document_has_every_route_and_no_other() {
        let source = include_str!("mod.rs");
        let quoted = source.split(".route(").skip(1);
        let routes: BTreeSet<&str> = quoted.map(|rest| rest.split('"').nth(1).unwrap()).collect();
        let document = document();
        let documented: BTreeSet<String> = operations(&document)
            .into_iter()
            .map(|(path, _, _)| path)
            // The tiles are one route; readiness is a route of every service.
            .map(|path| {
                if path.starts_with("/tile/") {
                    "/tile/{*path}".to_owned()
                } else {
                    path
                }
            })
            .filter(|path| path != "/readyz")
            .collect();
        assert_eq!(
            documented
                .iter()
                .map(String::as_str)
                .collect::<BTreeSet<_>>(),
            routes
        );
    }

    #[tokio::test]
    async fn every_method_that_is_answered_is_in_the_document() {
        let (router, proposal, _directory) = node();
        let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut targets = BTreeMap::new();
        for (path, method, operation) in operations(&document()) {
            targets.insert(path.clone(), example_of(&path, &operation, &proposal));
            methods.entry(path).or_default().insert(method);
        }
        methods.remove("/readyz");
        for (path, documented) in methods {
            for method in METHODS {
                let (status, _, _) = ask(&router, method, &targets[&path]).await;
                let answered = status != StatusCode::METHOD_NOT_ALLOWED;
                assert_eq!(answered, documented.contains(method), "{method} {path}");
            }
        }
    }

    #[tokio::test]
    async fn every_example_request_is_answered_as_the_document_says() {
        let (router, proposal, _directory) = node();
        for (path, method, operation) in operations(&document()) {
            if method != "get" || path == "/readyz" || path == NEEDS_CONSENSUS {
                continue;
            }
            let target = example_of(&path, &operation, &proposal);
            let (status, kind, body) = ask(&router, "get", &target).await;
            assert_eq!(status, StatusCode::OK, "{target}");
            let content = operation["responses"]["200"]["content"]
                .as_object()
                .unwrap();
            let (documented, content) = content.iter().next().unwrap();
            assert_eq!(kind, *documented, "{target}");
            if kind != "application/json" || content["example"].is_null() {
                continue;
            }
            let answer: Value = serde_json::from_slice(&body).unwrap();
            assert_shaped(&answer, &content["schema"], &target);
            assert_shaped(&content["example"], &content["schema"], &target);
        }
    }

    /// The part of JSON Schema that the document uses.
    fn assert_shaped(value: &Value, schema: &Value, at: &str) {
        let types = &schema["type"];
        let one = || vec![types.clone()];
        let types = types.as_array().cloned().unwrap_or_else(one);
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        assert!(
            types.contains(&found.into()),
            "{at}: {value} is not {types:?}"
        );
        for element in value.as_array().unwrap_or(&Vec::new()) {
            assert_shaped(element, &schema["items"], at);
        }
        if let (Some(members), Some(properties)) =
            (value.as_object(), schema["properties"].as_object())
        {
            for (name, member) in members {
                assert!(properties.contains_key(name), "{at}: {name}");
                assert_shaped(member, &properties[name], at);
            }
            for name in schema["required"].as_array().unwrap() {
                assert!(
                    members.contains_key(name.as_str().unwrap()),
                    "{at}: no {name}"
                );
            }
        }
    }

    /// Every `example` of the document.
    fn examples<'d>(value: &'d Value, to: &mut Vec<&'d Value>) {
        match value {
            Value::Object(members) => {
                to.extend(members.get("example"));
                members.values().for_each(|member| examples(member, to));
            }
            Value::Array(elements) => elements.iter().for_each(|element| examples(element, to)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_example_decodes() {
        let document = document();
        let mut found = Vec::new();
        examples(&document, &mut found);
        let mut decoded = BTreeMap::from([("receipt", 0), ("checkpoint", 0), ("problem", 0)]);
        for example in found {
            if let Some(text) = example.as_str() {
                if text.starts_with("c2sp.org/") {
                    UnverifiedReceipt::parse(text).unwrap();
                    *decoded.get_mut("receipt").unwrap() += 1;
                } else if text.starts_with("tegata/") {
                    UnverifiedCheckpoint::parse(text.as_bytes()).unwrap();
                    *decoded.get_mut("checkpoint").unwrap() += 1;
                }
            }
            if let Some(note) = example["checkpoint"].as_str() {
                UnverifiedCheckpoint::parse(note.as_bytes()).unwrap();
            }
            for hash in example["hashes"].as_array().unwrap_or(&Vec::new()) {
                assert!(TreeHash::from_base64(hash.as_str().unwrap()).is_some());
            }
            if !example["title"].is_null() {
                let problem: Problem = serde_json::from_value(example.clone()).unwrap();
                let known = ProblemType::ALL.into_iter().any(|kind| {
                    kind.uri() == problem.type_uri
                        && kind.title() == problem.title
                        && kind.status() == problem.status
                });
                assert!(known, "{problem:?}");
                let schema = &document["components"]["schemas"]["Problem"];
                assert_shaped(example, schema, "problem");
                *decoded.get_mut("problem").unwrap() += 1;
            }
        }
        assert!(decoded.values().all(|count| *count >= 1), "{decoded:?}");
        let digest = ContentDigest::of(b"token").to_string();
        assert!(DOCUMENT.contains(&digest));
    }

    #[test]
    fn every_reference_and_every_name_of_an_operation_is_good() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        for reference in DOCUMENT.split("\"$ref\": \"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "{pointer}");
        }
        let operations = operations(&document);
        let names: BTreeSet<&str> = operations
            .iter()
            .map(|(_, _, operation)| operation["operationId"].as_str().unwrap())
            .collect();
        assert_eq!(names.len(), operations.len());
    }
}
