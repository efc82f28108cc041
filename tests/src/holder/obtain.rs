//! From a synthetic person to anchored credentials (OpenID4VCI with a pre-authorised code).

use std::time::Duration;

use anyhow::{Context, ensure};
use protocol::credential::{IssuerVerification, UnverifiedCredential, VerifiedCredential};
use protocol::identity::{Algorithm, SigningKey};
use protocol::issuance::{
    AnchorProof, AnchorsResponse, CredentialOffer, CredentialRequest, CredentialResponse,
    IssuerMetadata, KeyProof, NonceResponse, NotificationEvent, NotificationId,
    NotificationRequest, OfferLink, PreAuthorizedGrant, TokenRequest, TokenResponse,
    TransactionCode, anchors_request,
};
use protocol::registry::Genesis;
use service::client::Answer;
use tokio::time::{Instant as Moment, sleep};
use url::Url;

use super::{Holder, Instance};
use crate::sandbox::applicant::obtain_offer;
use crate::sandbox::http::{Http, below};
use crate::sandbox::staff::{Offer, Staff};
use crate::sandbox::{Person, Site};

const ANCHOR_PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);

impl Holder {
    /// Obtains `count` credentials for a synthetic person, and waits until `anchored` of them are.
    pub async fn obtain(
        http: &Http,
        site: &Site,
        reviewer: &Staff,
        person: &Person,
        count: usize,
        anchored: usize,
    ) -> anyhow::Result<Self> {
        let genesis = site.read_genesis()?;
        let (case, offer) =
            obtain_offer(http, &site.issuer.url, &genesis, reviewer, person).await?;
        let session = Session::redeem(http, &offer).await?;
        let keys = (0..count)
            .map(|_| SigningKey::generate(Algorithm::Es256, &mut service::random::os()))
            .collect();
        let (credentials, notification) = session.request(&genesis, keys).await?;
        session.accept(&notification).await?;
        let instances = session
            .wait_for_anchors(credentials, &notification, anchored)
            .await?;
        Ok(Self {
            http: http.clone(),
            genesis,
            instances,
            licence: person.licence_png()?,
            case,
        })
    }
}

type Issued = (VerifiedCredential, SigningKey);

/// Exchanges the code of a letter and keeps nothing, as a wallet that dies before the answer comes.
pub async fn waste(http: &Http, offer: &Offer) -> anyhow::Result<()> {
    Session::redeem(http, offer).await.map(drop)
}

/// An offer that was redeemed.
struct Session<'a> {
    http: &'a Http,
    issuer: Url,
    metadata: IssuerMetadata,
    configuration: String,
    token: TokenResponse,
}

impl<'a> Session<'a> {
    async fn redeem(http: &'a Http, offer: &Offer) -> anyhow::Result<Self> {
        let OfferLink::Value(offered) = OfferLink::parse(&offer.offer)? else {
            anyhow::bail!("the offer is a reference");
        };
        let CredentialOffer {
            credential_issuer,
            credential_configuration_ids,
            pre_authorized,
        } = offered;
        let PreAuthorizedGrant { code, .. } =
            pre_authorized.context("the offer has no pre-authorised code")?;
        let issuer = Url::parse(&credential_issuer)?;
        let document = http
            .get(&below(&issuer, ".well-known/openid-credential-issuer")?)
            .await?;
        let metadata = IssuerMetadata::parse(&document.body, &credential_issuer)?;
        let request = TokenRequest {
            code,
            transaction_code: Some(TransactionCode::new(&*offer.tx_code)?),
        };
        let form = http.posting(&below(&issuer, "token")?);
        let form = form
            .header("content-type", "application/x-www-form-urlencoded")
            .body(request.to_form());
        let token = TokenResponse::parse(&succeeded(&http.send(form).await?)?)?;
        let configuration = credential_configuration_ids
            .first()
            .context("an offer of nothing")?
            .clone();
        Ok(Self {
            http,
            issuer,
            metadata,
            configuration,
            token,
        })
    }

    async fn request(
        &self,
        genesis: &Genesis,
        keys: Vec<SigningKey>,
    ) -> anyhow::Result<(Vec<Issued>, NotificationId)> {
        let now = service::clock::now();
        let nonce = self
            .http
            .send(self.http.posting(&below(&self.issuer, "nonce")?))
            .await?;
        let nonce = NonceResponse::parse(&succeeded(&nonce)?)?;
        let audience = &self.metadata.credential_issuer;
        let proof = KeyProof {
            audience,
            nonce: &nonce.c_nonce,
            now,
        };
        let request = CredentialRequest {
            credential_configuration_id: self.configuration.clone(),
            proofs: keys.iter().map(|key| proof.sign_with_jwk(key)).collect(),
        };
        let url = Url::parse(&self.metadata.credential_endpoint)?;
        let request = self
            .http
            .posting(&url)
            .bearer_auth(self.token.access_token.reveal())
            .json(&request.to_json());
        let response = CredentialResponse::parse(&succeeded(&self.http.send(request).await?)?)?;
        let registered = genesis
            .parties()
            .issuer(audience)
            .context("the issuer is not registered")?;
        let issuer = IssuerVerification::registered(registered)?;
        let mut keys = keys;
        let mut issued = Vec::new();
        for compact in &response.credentials {
            let credential = UnverifiedCredential::parse(compact)?.verify(&issuer, now)?;
            let own = keys
                .iter()
                .position(|key| key.public_key() == credential.holder_key());
            issued.push((
                credential,
                keys.swap_remove(own.context("a credential of another key")?),
            ));
        }
        Ok((
            issued,
            response.notification_id.context("no notification id")?,
        ))
    }

    async fn accept(&self, notification: &NotificationId) -> anyhow::Result<()> {
        let notification_id = NotificationId::new(notification.reveal())?;
        let body = NotificationRequest {
            notification_id,
            event: NotificationEvent::Accepted,
        }
        .to_json();
        let url = self
            .metadata
            .notification_endpoint
            .as_ref()
            .context("no notification endpoint")?;
        let request = self
            .http
            .posting(&Url::parse(url)?)
            .bearer_auth(self.token.access_token.reveal())
            .json(&body);
        succeeded(&self.http.send(request).await?).map(drop)
    }

    async fn wait_for_anchors(
        &self,
        mut issued: Vec<Issued>,
        notification: &NotificationId,
        wanted: usize,
    ) -> anyhow::Result<Vec<Instance>> {
        let url = below(&self.issuer, "anchors")?;
        let deadline = Moment::now() + ANCHOR_PATIENCE;
        let mut instances = Vec::new();
        loop {
            let request = self.http.posting(&url).json(&anchors_request(notification));
            for anchor in
                AnchorsResponse::parse(&succeeded(&self.http.send(request).await?)?)?.anchors
            {
                let Some(proof) = anchor.proof else { continue };
                let matching = |(credential, _): &Issued| {
                    credential.signing_input_hash() == anchor.signing_input_hash
                };
                if let Some(place) = issued.iter().position(matching) {
                    let (credential, key) = issued.swap_remove(place);
                    instances.push(Instance {
                        credential,
                        key,
                        anchor: AnchorProof { ..proof },
                    });
                }
            }
            if instances.len() >= wanted {
                return Ok(instances);
            }
            ensure!(
                Moment::now() < deadline,
                "{} of {wanted} instances are anchored",
                instances.len()
            );
            sleep(POLL).await;
        }
    }
}

fn succeeded(answer: &Answer) -> anyhow::Result<Vec<u8>> {
    let body = String::from_utf8_lossy(&answer.body);
    ensure!(
        answer.status.is_success(),
        "answered {}: {body}",
        answer.status
    );
    Ok(answer.body.to_vec())
}
