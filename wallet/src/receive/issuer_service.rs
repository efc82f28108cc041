//! The issuer's service as its metadata describes it, confined to the issuer's own origin.

use protocol::issuance::{
    AuthorizationServerMetadata, CredentialConfiguration, IssuerMetadata, NonceResponse, WellKnown,
};
use protocol::registry::Issuer;
use url::Url;

use super::ReceiveError;
use crate::http::{Http, Post};
use crate::network::{NetworkError, own_address};

const JSON: &str = "application/json";

/// Where an issuer does what.
pub(super) struct IssuerService {
    pub(super) metadata: IssuerMetadata,
    pub(super) token_endpoint: Url,
    pub(super) credential_endpoint: Url,
    pub(super) nonce_endpoint: Option<Url>,
    pub(super) notification_endpoint: Option<Url>,
}

impl IssuerService {
    /// Fetches the metadata of an issuer of the trusted network.
    pub(super) async fn discover(http: &Http, issuer: &Issuer) -> Result<Self, ReceiveError> {
        let id = issuer.id.as_str();
        let own = |address: &str| own_address(&issuer.name, issuer.id.url(), address);
        let document = fetch(http, WellKnown::CredentialIssuer, id).await?;
        let metadata = IssuerMetadata::parse(&document, id)?;
        // Codes of the trusted issuer are redeemed at the trusted issuer, whatever other servers it names.
        let server = match metadata.authorization_servers.as_slice() {
            [] => id.to_owned(),
            servers => servers
                .iter()
                .find(|server| own(server).is_ok())
                .cloned()
                .ok_or(NetworkError::Address)?,
        };
        let document = fetch(http, WellKnown::AuthorizationServer, &server).await?;
        let authorization = AuthorizationServerMetadata::parse(&document, &server)?;
        let optional = |address: &Option<String>| address.as_deref().map(own).transpose();
        Ok(Self {
            token_endpoint: own(&authorization.token_endpoint)?,
            credential_endpoint: own(&metadata.credential_endpoint)?,
            nonce_endpoint: optional(&metadata.nonce_endpoint)?,
            notification_endpoint: optional(&metadata.notification_endpoint)?,
            metadata,
        })
    }

    /// The first offered configuration that this wallet can hold.
    pub(super) fn configuration<'a>(
        &'a self,
        offered: &'a [String],
    ) -> Option<(&'a str, &'a CredentialConfiguration)> {
        offered.iter().find_map(|id| {
            let configuration = self.metadata.configurations.get(id)?;
            let known = configuration.vct == protocol::credential::VCT_KYC
                && configuration
                    .binding_methods
                    .iter()
                    .any(|method| method == "jwk")
                && !configuration.proof_algorithms.is_empty();
            known.then_some((id.as_str(), configuration))
        })
    }

    /// A challenge for key proofs.
    pub(super) async fn nonce(&self, http: &Http) -> Result<String, ReceiveError> {
        let url = self.nonce_endpoint.as_ref().ok_or(NetworkError::Address)?;
        let answer = http
            .post(Post {
                url,
                media_type: JSON,
                body: Vec::new(),
                accept: JSON,
                bearer: None,
                answer_bytes_max: crate::http::ANSWER_BYTES_MAX,
            })
            .await?;
        Ok(NonceResponse::parse(&answer.of_type(JSON, url)?)?.c_nonce)
    }
}

async fn fetch(
    http: &Http,
    document: WellKnown,
    identifier: &str,
) -> Result<Vec<u8>, ReceiveError> {
    let url = document
        .url(identifier)
        .map_err(|_| NetworkError::Address)?;
    let answer = http.get(&url, JSON, None).await?;
    Ok(answer.of_type(JSON, &url)?)
}
