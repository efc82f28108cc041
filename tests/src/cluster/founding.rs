//! Keys, configurations and the genesis file of a new network.

use std::path::{Path, PathBuf};

use anyhow::Context;
use protocol::base64url;
use protocol::identity::{Algorithm, SigningKey};
use protocol::registry::{Epochs, Genesis, MemberRole};
use registry::genesis::{Entries, write_genesis};
use registry::setup::{Exposure, NewMember, setup};
use serde_json::{Value, json};
use url::Url;

use super::node::{Node, configure};
use super::proxy::Place;
use super::{Links, Plan};
use crate::sandbox::Ports;

/// A network that was set up and does not run.
pub(super) struct Founded {
    pub(super) nodes: Vec<Node>,
    pub(super) places: Vec<Place>,
    pub(super) genesis: Genesis,
    pub(super) issuer: SigningKey,
}

/// Sets a network up in an empty folder.
pub(super) fn found(folder: &Path, plan: &Plan) -> anyhow::Result<Founded> {
    let mut rng = service::random::os();
    let mut ports = Ports::default();
    let (mut nodes, mut places) = (Vec::new(), Vec::new());
    for number in 0..plan.validators + plan.observers {
        let below = folder.join(format!("node{number}"));
        std::fs::create_dir(&below)?;
        let name = format!("member{number}.example");
        let url = format!("http://127.0.0.1:{}", ports.take()?);
        let front = ports.take()?;
        let back = match plan.links {
            Links::Direct => front,
            Links::Proxied => ports.take()?,
        };
        let member = NewMember {
            name: name.clone(),
            role: MemberRole::Company,
            url: url.clone().try_into()?,
            peer_address: format!("127.0.0.1:{front}"),
            validator: number < plan.validators,
        };
        setup(&below, member, Exposure::LoopbackForDevelopment, &mut rng)?;
        configure(&below, back, plan.clients_per_address)?;
        let key = consensus_key(&below).context("reading member.json")?;
        places.push(Place { key, front, back });
        nodes.push(Node::new(
            name,
            Url::parse(&url)?,
            below,
            plan.program.clone(),
        ));
    }
    let issuer = SigningKey::generate(Algorithm::EdDsa, &mut rng);
    let genesis = write(folder, plan, &nodes, &issuer)?;
    Ok(Founded {
        nodes,
        places,
        genesis,
        issuer,
    })
}

fn consensus_key(folder: &Path) -> anyhow::Result<[u8; 32]> {
    let member: Value = serde_json::from_slice(&std::fs::read(folder.join("member.json"))?)?;
    let member: protocol::registry::Member = serde_json::from_value(member)?;
    Ok(*member.consensus_key.as_bytes())
}

fn write(
    folder: &Path,
    plan: &Plan,
    nodes: &[Node],
    issuer: &SigningKey,
) -> anyhow::Result<Genesis> {
    let write = |name: &str, value: &Value| -> anyhow::Result<PathBuf> {
        let path = folder.join(name);
        std::fs::write(&path, value.to_string())?;
        Ok(path)
    };
    let issuer = json!({
        "id": "https://issuer.example", "name": "Issuer", "member": "member0.example",
        "record_key": base64url::encode(&issuer.public_key().to_bytes()),
        "application_key": base64url::encode(&[9; 32]), "trust_anchors": [], "jwks": {"keys": []},
    });
    let first = json!({"version": 1, "activation_height": 0, "steps": [
        {"code": 1, "name": "opened", "after": []},
        {"code": 2, "name": "identity_document", "after": [1]},
        {"code": 6, "name": "closed", "after": [1], "terminal": true},
    ]});
    let definitions = [&first].into_iter().chain(&plan.definitions);
    let entries = Entries {
        members: nodes
            .iter()
            .map(|node| node.folder.join("member.json"))
            .collect(),
        issuers: vec![write("issuer.json", &issuer)?],
        verifiers: Vec::new(),
        definitions: vec![write(
            "definitions.json",
            &definitions.cloned().collect::<Vec<_>>().into(),
        )?],
    };
    let path = folder.join("genesis.json");
    let epochs = Epochs::of_blocks(plan.epoch_blocks)?;
    write_genesis("Faults", epochs, &entries, &path)?;
    for node in nodes {
        std::fs::copy(&path, node.folder.join("genesis.json"))?;
    }
    Ok(Genesis::parse(&std::fs::read(path)?)?)
}
