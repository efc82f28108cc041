//! What a verified request asks, in the terms of the trusted network: who, for which registered purpose, which claims.

use protocol::application::{CrsDeclaration, DesignationOffer, TRANSACTION_DATA_TYPES};
use protocol::credential::ClaimPath;
use protocol::identity::x5c::TrustAnchors;
use protocol::presentation::dcql::CredentialQuery;
use protocol::presentation::{
    LoopbackHttp, REQUEST_MEDIA_TYPE, RegisteredClient, RequestExpectation, RequestLink,
    RequestTrust, RequestUriMethod, RequestUriPost, UnverifiedRequest, VerifiedRequest,
    WalletNonce,
};
use protocol::registry::{Purpose, Verifier};

use super::PresentError;
use crate::http::{ANSWER_BYTES_MAX, Http, Post};
use crate::network::{Network, Setting};
use crate::session::Session;

/// Words in a claim's name that mean a My Number; nothing that contains one is ever given with a KYC credential.
const MY_NUMBER_WORDS: [&str; 5] = [
    "my_number",
    "mynumber",
    "individual_number",
    "個人番号",
    "マイナンバー",
];

/// A request that is authentic and comes with a registered purpose.
pub(super) struct Asked<'n> {
    pub(super) request: VerifiedRequest,
    pub(super) verifier: &'n Verifier,
    pub(super) offer: DesignationOffer,
    pub(super) purpose: &'n Purpose,
    pub(super) declaration: Option<CrsDeclaration>,
}

/// Reads a link: the custom schemes, or an https link of the same parameters.
pub(super) fn read_link(text: &str, network: &Network) -> Result<RequestLink, PresentError> {
    let loopback = loopback(network);
    let text = text.trim();
    let rewritten = match text.split_once("://") {
        Some(("https" | "http", rest)) => format!("openid4vp://{rest}"),
        Some(_) | None => text.to_owned(),
    };
    let link = RequestLink::parse(&rewritten, loopback)?;
    // Before anybody is authenticated, nothing is fetched from a stranger.
    network.verifier_at(&link.request_uri)?;
    Ok(link)
}

/// Fetches the request object and authenticates whoever made it.
pub(super) async fn fetch<'n>(
    session: &mut Session,
    network: &'n Network,
    http: &Http,
    link: &RequestLink,
) -> Result<Asked<'n>, PresentError> {
    let (compact, wallet_nonce) = match link.method {
        RequestUriMethod::Get => {
            let answer = http
                .get(&link.request_uri, REQUEST_MEDIA_TYPE, None)
                .await?;
            (answer.of_type(REQUEST_MEDIA_TYPE, &link.request_uri)?, None)
        }
        RequestUriMethod::Post => {
            let nonce = WalletNonce::random(&mut session.rng);
            let form = RequestUriPost {
                wallet_nonce: Some(nonce.clone()),
                transaction_data_types: TRANSACTION_DATA_TYPES
                    .iter()
                    .map(|kind| kind.name.to_owned())
                    .collect(),
            };
            let answer = http
                .post(Post {
                    url: &link.request_uri,
                    media_type: "application/x-www-form-urlencoded",
                    body: form.to_form().into_bytes(),
                    accept: REQUEST_MEDIA_TYPE,
                    bearer: None,
                    answer_bytes_max: ANSWER_BYTES_MAX,
                })
                .await?;
            (
                answer.of_type(REQUEST_MEDIA_TYPE, &link.request_uri)?,
                Some(nonce),
            )
        }
    };
    let compact = String::from_utf8(compact).map_err(|_| PresentError::Encoding)?;
    verify(session, network, link, &compact, wallet_nonce.as_ref())
}

/// Authenticates the verifier and finds the registered purpose.
pub(super) fn verify<'n>(
    session: &Session,
    network: &'n Network,
    link: &RequestLink,
    compact: &str,
    wallet_nonce: Option<&WalletNonce>,
) -> Result<Asked<'n>, PresentError> {
    let verifiers = network.parties().verifiers();
    let mut anchors = Vec::with_capacity(verifiers.len());
    for verifier in verifiers {
        let certificates = verifier.trust_anchors.iter().map(|anchor| anchor.as_der());
        anchors.push(TrustAnchors::from_der(certificates)?);
    }
    let clients: Vec<RegisteredClient<'_>> = verifiers
        .iter()
        .zip(&anchors)
        .map(|(verifier, anchors)| RegisteredClient {
            id: verifier.id.as_str(),
            url: verifier.url.url(),
            anchors,
        })
        .collect();
    let expected = RequestExpectation {
        client_id: &link.client_id,
        wallet_nonce,
        trust: RequestTrust::Registered(&clients),
        transaction_data_types: &TRANSACTION_DATA_TYPES,
        loopback_http: loopback(network),
    };
    let request = UnverifiedRequest::parse(compact)
        .map_err(protocol::presentation::RequestError::NotAuthentic)?
        .verify(&expected, session.clock.now())?;
    let verifier = network.verifier(request.verifier())?;
    let offer = DesignationOffer::find(&request, network.id())?.ok_or(PresentError::NoPurpose)?;
    let purpose = verifier
        .purposes
        .iter()
        .find(|purpose| purpose.id == offer.purpose)
        .ok_or(PresentError::NoPurpose)?;
    let declaration = CrsDeclaration::find(&request.parameters().transaction_data);
    Ok(Asked {
        request,
        verifier,
        offer,
        purpose,
        declaration,
    })
}

impl Asked<'_> {
    /// The one credential query that this wallet answers.
    pub(super) fn query(&self) -> Result<&CredentialQuery, PresentError> {
        let query = &self.request.parameters().query;
        let choice = query
            .choose(|_| true)
            .ok_or(PresentError::SeveralCredentials)?;
        match choice.required.as_slice() {
            [only] => query
                .credential(only.as_str())
                .ok_or(PresentError::SeveralCredentials),
            _ => Err(PresentError::SeveralCredentials),
        }
    }

    /// Refuses a query that names a My Number in any of its alternatives.
    pub(super) fn check_my_number(&self) -> Result<(), PresentError> {
        let queries = self.request.parameters().query.credentials();
        let mut paths = queries
            .iter()
            .flat_map(CredentialQuery::claims)
            .map(|claim| claim.path());
        if paths.any(names_my_number) {
            return Err(PresentError::MyNumber);
        }
        Ok(())
    }

    /// The claims that go beyond what the purpose was registered for.
    pub(super) fn beyond_purpose(&self, paths: &[ClaimPath]) -> Vec<ClaimPath> {
        let allowed = &self.purpose.claims;
        let within = |path: &ClaimPath| allowed.iter().any(|allowed| allowed.covers(path));
        paths.iter().filter(|path| !within(path)).cloned().collect()
    }
}

pub(super) fn names_my_number(path: &ClaimPath) -> bool {
    let text = path.to_string().to_lowercase().replace(['-', ' '], "_");
    MY_NUMBER_WORDS.iter().any(|word| text.contains(word))
}

fn loopback(network: &Network) -> LoopbackHttp {
    match network.setting() {
        Setting::Production => LoopbackHttp::Refused,
        Setting::Development => LoopbackHttp::Allowed,
    }
}
