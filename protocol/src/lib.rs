//! All that two parties of Tegata must agree on: what one writes, the other reads with the same code.
//!
//! A consortium checks a person once and signs a KYC credential; the person's wallet shows parts of it to securities
//! companies; a registry of hashes lets everyone see that nothing was changed or left out. This crate holds the messages
//! between these parties and the rules for making and checking them, one module per part, with a page of the same name
//! in `specs/`. It does no I/O, reads no clock and draws no randomness: `now` and `rng` are arguments.
//!
//! # What it trusts
//!
//! Nothing that it reads. A type named `Unverified…` is well-formed and within its bounds, and says nothing more; its
//! `verify` takes whom to trust, what was asked and what time it is, and is the only way to the `Verified…` type. Trust
//! starts from the [`registry::Genesis`] that a person or an operator chose: it names the members whose quorum signs the
//! ledger, and through them the issuers and verifiers. It is also trusted that SHA-256, Ed25519, P-256 and the
//! AEADs hold, that `rng` is one (an issuer notices a stuck one and issues nothing), and that `now` is right within a
//! minute.
//!
//! # The issuer
//!
//! signs a credential for a key of the holder, with each claim to be disclosed by itself.
//!
//! ```
//! use protocol::credential::{CredentialTemplate, Decoys, VCT_KYC, disclosable_in_kyc, issue};
//! use protocol::identity::{Algorithm, SigningKey, jws::HeaderExtras};
//! use protocol::status::{Status, StatusBits, StatusList, StatusReference};
//! use protocol::Timestamp;
//! # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
//! # let mut rng = ChaCha20Rng::seed_from_u64(0);
//! # let issuer_key = SigningKey::generate(Algorithm::Es256, &mut rng);
//! # let holder_key = SigningKey::generate(Algorithm::EdDsa, &mut rng);
//! # let now = Timestamp::parse_rfc3339("2026-11-23T09:00:00Z")?;
//! let claims = serde_json::json!({"verified_claims": {
//!     "verification": {"trust_framework": "jp_aml", "time": "2026-11-20T00:00:00Z"},
//!     "claims": {"family_name": "山田", "age_equal_or_over": {"20": true}},
//! }});
//! let template = CredentialTemplate {
//!     iss: "https://issuer.example".to_owned(),
//!     vct: VCT_KYC.to_owned(),
//!     issued_at: now,
//!     expires: now.plus_seconds(365 * 86_400),
//!     status: StatusReference::new("https://issuer.example/status/1", 86_243)?,
//!     disclosable: disclosable_in_kyc(&claims),
//!     claims: claims.as_object().unwrap().clone(),
//!     decoys: Decoys::None,
//! };
//! let extras = HeaderExtras { kid: Some("2026".to_owned()), ..HeaderExtras::default() };
//! let issued = issue(&template, holder_key.public_key(), &issuer_key, &extras, &mut rng)?;
//! assert!(issued.compact.ends_with('~'));
//!
//! let mut list = StatusList::new(StatusBits::Two, 1 << 17)?;
//! list.set(86_243, Status::Suspended)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The holder
//!
//! checks what it received, and shows one company what that company needs.
//!
//! ```
//! use protocol::credential::{ClaimPath, IssuerVerification, UnverifiedCredential};
//! # use protocol::credential::{CredentialTemplate, Decoys, VCT_KYC, disclosable_in_kyc, issue};
//! # use protocol::identity::{Algorithm, SigningKey, jws::HeaderExtras};
//! # use protocol::status::StatusReference;
//! # use protocol::Timestamp;
//! # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
//! # let mut rng = ChaCha20Rng::seed_from_u64(0);
//! # let issuer_key = SigningKey::generate(Algorithm::Es256, &mut rng);
//! # let holder_key = SigningKey::generate(Algorithm::EdDsa, &mut rng);
//! # let now = Timestamp::parse_rfc3339("2026-11-23T09:00:00Z")?;
//! # let claims = serde_json::json!({"verified_claims": {
//! #     "verification": {"trust_framework": "jp_aml"},
//! #     "claims": {"family_name": "山田", "age_equal_or_over": {"20": true}},
//! # }});
//! # let template = CredentialTemplate {
//! #     iss: "https://issuer.example".to_owned(), vct: VCT_KYC.to_owned(), issued_at: now,
//! #     expires: now.plus_seconds(365 * 86_400),
//! #     status: StatusReference::new("https://issuer.example/status/1", 86_243)?,
//! #     disclosable: disclosable_in_kyc(&claims), claims: claims.as_object().unwrap().clone(),
//! #     decoys: Decoys::None,
//! # };
//! # let extras = HeaderExtras { kid: Some("2026".to_owned()), ..HeaderExtras::default() };
//! # let received = issue(&template, holder_key.public_key(), &issuer_key, &extras, &mut rng)?.compact;
//! # let mut jwk = issuer_key.public_key().to_jwk();
//! # jwk["kid"] = "2026".into();
//! # let jwks = serde_json::json!({"keys": [jwk]});
//! let issuer = IssuerVerification::by_jwks("https://issuer.example", &jwks)?;
//! let credential = UnverifiedCredential::parse(&received)?.verify(&issuer, now)?;
//!
//! let claims = ClaimPath::root("verified_claims").name("claims");
//! let asked = [claims.name("age_equal_or_over").name("20")];
//! let shown = credential.preview(&asked)?;
//! assert_eq!(shown["verified_claims"]["claims"], serde_json::json!({"age_equal_or_over": {"20": true}}));
//!
//! let presented = credential.present(&asked, "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk", "n-0S6_WzA2Mj", &[], &holder_key, now)?;
//! assert!(!presented.ends_with('~'));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The verifier
//!
//! accepts what a trusted issuer signed and its holder presented for this request, then asks the status list.
//!
//! ```
//! use protocol::credential::{IssuerVerification, KeyBindingExpectation, UnverifiedPresentedCredential};
//! use protocol::status::{Status, StatusListExpectation, UnverifiedStatusListToken};
//! # use protocol::credential::{CredentialTemplate, Decoys, UnverifiedCredential, VCT_KYC, issue};
//! # use protocol::identity::{Algorithm, SigningKey, jws::HeaderExtras};
//! # use protocol::status::{StatusBits, StatusList, StatusListClaims, StatusReference};
//! # use protocol::Timestamp;
//! # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
//! # let mut rng = ChaCha20Rng::seed_from_u64(0);
//! # let issuer_key = SigningKey::generate(Algorithm::Es256, &mut rng);
//! # let holder_key = SigningKey::generate(Algorithm::EdDsa, &mut rng);
//! # let now = Timestamp::parse_rfc3339("2026-11-23T09:00:00Z")?;
//! # let template = CredentialTemplate {
//! #     iss: "https://issuer.example".to_owned(), vct: VCT_KYC.to_owned(), issued_at: now,
//! #     expires: now.plus_seconds(365 * 86_400),
//! #     status: StatusReference::new("https://issuer.example/status/1", 86_243)?,
//! #     disclosable: vec![], claims: serde_json::Map::new(), decoys: Decoys::None,
//! # };
//! # let extras = HeaderExtras { kid: Some("2026".to_owned()), ..HeaderExtras::default() };
//! # let received = issue(&template, holder_key.public_key(), &issuer_key, &extras, &mut rng)?.compact;
//! # let mut jwk = issuer_key.public_key().to_jwk();
//! # jwk["kid"] = "2026".into();
//! # let jwks = serde_json::json!({"keys": [jwk]});
//! # let issuer = IssuerVerification::by_jwks("https://issuer.example", &jwks)?;
//! # let held = UnverifiedCredential::parse(&received)?.verify(&issuer, now)?;
//! # let presented = held.present(&[], "x509_hash:abc", "n-0S6_WzA2Mj", &[], &holder_key, now)?;
//! # let list_claims = StatusListClaims {
//! #     uri: "https://issuer.example/status/1".to_owned(), issued_at: now,
//! #     expires: now.plus_seconds(86_400), ttl_seconds: 3_600,
//! # };
//! # let fetched = StatusList::new(StatusBits::Two, 1 << 17)?.to_token(&list_claims, &issuer_key, &extras);
//! # assert!(UnverifiedPresentedCredential::parse(&received).is_err());
//! let asked = KeyBindingExpectation::new("x509_hash:abc", "n-0S6_WzA2Mj");
//! let presented = UnverifiedPresentedCredential::parse(&presented)?.verify(&issuer, &asked, now)?;
//!
//! let reference = presented.credential().status();
//! let list = UnverifiedStatusListToken::parse(&fetched)?;
//! let list = list.verify(&issuer, &StatusListExpectation::new(reference.uri()), now)?;
//! assert_eq!(list.status(reference.idx())?, Status::Valid);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The reader of the registry
//!
//! needs the genesis file and no connection: a receipt shows that a record stands on the ledger.
//!
//! ```
//! use protocol::registry::{Genesis, receipt::verify_receipt};
//! # macro_rules! vectors { ($file:literal) => {
//! #     include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/vectors/registry/", $file))
//! # } }
//! # let genesis_file = vectors!("genesis.json").as_bytes();
//! # let receipts: serde_json::Value = serde_json::from_str(vectors!("receipts.json"))?;
//! # let records: serde_json::Value = serde_json::from_str(vectors!("records.json"))?;
//! # let receipt = receipts["receipts"][0]["receipt"].as_str().unwrap();
//! # let hex = records["records"][0]["record"].as_str().unwrap();
//! # let record: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
//! let genesis = Genesis::parse(genesis_file)?;
//! let entry = verify_receipt(receipt, &record, genesis.committees())?;
//! assert_eq!(entry.index(), 0);
//! assert!(entry.checkpoint().size() > entry.index());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod application;
pub mod base64url;
pub mod credential;
pub mod envelope;
pub mod identity;
pub mod issuance;
pub mod json;
pub mod kyc;
pub mod planted;
pub mod presentation;
pub mod problem;
pub mod registry;
pub mod relay;
pub mod status;
mod time;

pub use time::{Date, Timestamp};
