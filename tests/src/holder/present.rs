//! Answering a company's request (OpenID4VP), with every part in the open.

use anyhow::{Context, ensure};
use protocol::application::{
    DesignationOffer, DesignationOpening, DisclosedDocument, ResponseExtension,
    TRANSACTION_DATA_TYPES, UnverifiedConsent,
};
use protocol::credential::ClaimPath;
use protocol::identity::x5c::TrustAnchors;
use protocol::kyc::MediaType;
use protocol::presentation::dcql::{Candidate, HolderBinding};
use protocol::presentation::{
    AuthorizationResponse, LoopbackHttp, RegisteredClient, RequestExpectation, RequestLink,
    RequestTrust, RequestUriPost, UnverifiedRequest, VerifiedRequest, VpToken, WalletNonce,
};
use protocol::registry::record::{Body, Designation, Record};
use protocol::registry::{ApplicationId, Salt};
use serde_json::{Map, Value, json};

use super::{Holder, Instance};
use crate::sandbox::http::{below, text};
use crate::sandbox::{Node, Party};

const DESIGNATION_SECONDS: u64 = 24 * 3_600;

/// A presentation that is ready to be sent, or to be spoiled before.
#[derive(Clone)]
pub struct Presentation {
    /// The credential query that it answers.
    pub query: String,
    /// SD-JWT with key binding.
    pub sd_jwt_kb: String,
    /// Anchor, consent and documents; `None` is a wallet that has never heard of us.
    pub extension: Option<ResponseExtension>,
}

impl Presentation {
    /// Flips one bit of the first document image.
    pub fn alter_image(&mut self) -> anyhow::Result<()> {
        let image = self
            .extension
            .as_mut()
            .and_then(|extension| extension.documents.first_mut());
        *image
            .and_then(|image| image.data.last_mut())
            .context("there is no image")? ^= 1;
        Ok(())
    }

    /// Changes a character of the first disclosure.
    pub fn alter_disclosure(&mut self) -> anyhow::Result<()> {
        let mut parts: Vec<String> = self.sd_jwt_kb.split('~').map(str::to_owned).collect();
        let disclosure = parts.get_mut(1).context("nothing is disclosed")?;
        let last = if disclosure.ends_with('A') { "B" } else { "A" };
        disclosure.replace_range(disclosure.len() - 1.., last);
        self.sd_jwt_kb = parts.join("~");
        Ok(())
    }
}

/// What a company answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// Body, as far as it is JSON.
    pub body: Value,
}

impl Answered {
    /// Whether the company took the presentation.
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The application, where the company took it.
    pub fn application(&self) -> anyhow::Result<&str> {
        text(
            self.body
                .get("tegata")
                .context("the company gave no application")?,
            "application",
        )
    }
}

impl Holder {
    /// Asks a company for an account and fetches its request.
    pub async fn begin(&self, company: &Party, purpose: &str) -> anyhow::Result<VerifiedRequest> {
        let body =
            json!({"account_type": "specific", "tax_residences": ["JP"], "purpose": purpose});
        let begun = self
            .http
            .post_json(&below(&company.url, "applications")?, &body)
            .await?;
        self.fetch(company, text(&begun, "request")?).await
    }

    /// Fetches a request by POST and authenticates the company.
    pub async fn fetch(&self, company: &Party, link: &str) -> anyhow::Result<VerifiedRequest> {
        let link = RequestLink::parse(link, LoopbackHttp::Allowed)?;
        let wallet_nonce = WalletNonce::random(&mut service::random::os());
        let form = RequestUriPost {
            wallet_nonce: Some(wallet_nonce.clone()),
            transaction_data_types: TRANSACTION_DATA_TYPES
                .iter()
                .map(|known| known.name.to_owned())
                .collect(),
        };
        let request = self
            .http
            .posting(&link.request_uri)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = self.http.send(request.body(form.to_form())).await?;
        ensure!(
            answer.status.is_success(),
            "no request object: {}",
            answer.status
        );
        let registered = self.genesis.parties().verifier(&company.id);
        let registered = registered.context("the company is not registered")?;
        let anchors = TrustAnchors::from_der(
            registered
                .trust_anchors
                .iter()
                .map(|anchor| anchor.as_der()),
        )?;
        let clients = [RegisteredClient {
            id: registered.id.as_str(),
            url: registered.url.url(),
            anchors: &anchors,
        }];
        let expected = RequestExpectation {
            client_id: &link.client_id,
            wallet_nonce: Some(&wallet_nonce),
            trust: RequestTrust::Registered(&clients),
            transaction_data_types: &TRANSACTION_DATA_TYPES,
            loopback_http: LoopbackHttp::Allowed,
        };
        let compact = String::from_utf8(answer.body.to_vec())?;
        Ok(UnverifiedRequest::parse(&compact)?.verify(&expected, service::clock::now())?)
    }

    /// Consents, as the registry records it, and signs the presentation. `node` takes the designation.
    pub async fn prepare(
        &self,
        request: &VerifiedRequest,
        instance: &Instance,
        node: &Node,
    ) -> anyhow::Result<Presentation> {
        let paths = claims_asked_for(request, instance)?;
        let offer = DesignationOffer::find(request, self.genesis.network())?
            .context("no designation offer")?;
        let consent = self.designate(&offer, &paths, instance, node).await?;
        let mut presentation = self.sign(request, instance, &paths)?;
        let documents = vec![DisclosedDocument {
            media_type: MediaType::Png,
            data: self.licence.clone(),
        }];
        presentation.extension = Some(ResponseExtension {
            consent,
            documents,
            status_token: None,
        });
        Ok(presentation)
    }

    /// Signs a presentation without any of our own parameters.
    pub fn prepare_as_stranger(
        &self,
        request: &VerifiedRequest,
        instance: &Instance,
    ) -> anyhow::Result<Presentation> {
        self.sign(request, instance, &claims_asked_for(request, instance)?)
    }

    /// Encrypts a presentation to the company's key for a request, and posts it.
    pub async fn send(
        &self,
        request: &VerifiedRequest,
        presentation: &Presentation,
    ) -> anyhow::Result<Answered> {
        let parameters = request.parameters();
        let response = AuthorizationResponse {
            vp_token: VpToken::single(&presentation.query, presentation.sd_jwt_kb.clone()),
            state: parameters.state.clone(),
            extensions: presentation
                .extension
                .as_ref()
                .map_or_else(Map::new, ResponseExtension::to_extensions),
        };
        let form = response.encrypt(parameters, &mut service::random::os());
        let post = self.http.posting(&parameters.response_uri);
        let answer = self
            .http
            .send(
                post.header("content-type", "application/x-www-form-urlencoded")
                    .body(form),
            )
            .await?;
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Ok(Answered {
            status: answer.status.as_u16(),
            body,
        })
    }

    fn sign(
        &self,
        request: &VerifiedRequest,
        instance: &Instance,
        paths: &[ClaimPath],
    ) -> anyhow::Result<Presentation> {
        let parameters = request.parameters();
        let query = parameters
            .query
            .credentials()
            .first()
            .context("an empty query")?;
        let transaction_data: Vec<String> = parameters
            .transaction_data
            .iter()
            .map(|data| data.encoded().to_owned())
            .collect();
        let sd_jwt_kb = instance.credential.present(
            paths,
            &parameters.client_id.to_string(),
            parameters.nonce.as_str(),
            &transaction_data,
            &instance.key,
            service::clock::now(),
        )?;
        Ok(Presentation {
            query: query.id().as_str().to_owned(),
            sd_jwt_kb,
            extension: None,
        })
    }

    async fn designate(
        &self,
        offer: &DesignationOffer,
        paths: &[ClaimPath],
        instance: &Instance,
        node: &Node,
    ) -> anyhow::Result<UnverifiedConsent> {
        let mut rng = service::random::os();
        let opening = DesignationOpening {
            salt: Salt::random(&mut rng),
            claims: paths.to_vec(),
        };
        let designation = Designation {
            application: ApplicationId::random(&mut rng),
            anchor: instance
                .anchor
                .opening(instance.credential.signing_input_hash()),
            commitment: opening.commit(&offer.verifier, &offer.purpose),
            outcome_key: offer.outcome_key,
            expires: service::clock::now().plus_seconds(DESIGNATION_SECONDS),
        };
        let record = Record::sign(
            self.genesis.network(),
            Body::Designation(designation),
            &instance.key,
        );
        let request = self
            .http
            .posting(&below(&node.url, "records")?)
            .header("content-type", "application/cbor");
        let answer = self
            .http
            .send(request.body(record.as_bytes().to_vec()))
            .await?;
        let receipt = String::from_utf8(answer.body.to_vec())?;
        ensure!(
            answer.status.is_success(),
            "the designation was answered {}: {receipt}",
            answer.status
        );
        Ok(UnverifiedConsent {
            anchor: instance.anchor.clone(),
            designation_record: record.as_bytes().to_vec(),
            designation_receipt: receipt,
            opening,
        })
    }
}

fn claims_asked_for(
    request: &VerifiedRequest,
    instance: &Instance,
) -> anyhow::Result<Vec<ClaimPath>> {
    let query = request
        .parameters()
        .query
        .credentials()
        .first()
        .context("an empty query")?;
    let candidate = Candidate {
        format: "dc+sd-jwt",
        vct: instance.credential.vct(),
        claims: instance.credential.claims(),
        binding: HolderBinding::Bound,
        authority_key_ids: &[],
    };
    Ok(query.select(&candidate)?.paths)
}
