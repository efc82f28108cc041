//! The network that the user trusts: its genesis file names every party that the wallet speaks to.
//!
//! Kept in the vault as the bytes of the file, because the network's id is their digest.

use protocol::registry::{Genesis, GenesisError, Issuer, Member, NetworkId, Parties, Verifier};
use serde::{Deserialize, Serialize};
use url::{Host, Url};
use vault::{Changes, Kind, Vault};

use crate::failure::{Advise, FailureKind};
use crate::http::host;
use crate::session::SessionError;

const NETWORK: Kind = Kind::ordinary("network");
const TRUSTED: &str = "trusted";
const SCHEMA: u32 = 1;

/// The trusted network.
pub struct Network {
    genesis: Genesis,
    setting: Setting,
}

/// Whether services may be reached over plain http on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Only https.
    Production,
    /// Also http to a loopback address.
    Development,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    genesis: String,
    setting: Setting,
}

/// Why a network is not trusted, or a party not found in it.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No network is trusted yet.
    #[error("the wallet does not trust any network yet")]
    None,
    /// Not a genesis file.
    #[error("the genesis file is not acceptable")]
    Genesis(#[from] GenesisError),
    /// The wallet trusts another network.
    #[error("the wallet already trusts the network {0}")]
    Other(NetworkId),
    /// A party is reached over plain http.
    #[error("{0} is not reached over https")]
    PlainHttp(String),
    /// No party of the network has this address.
    #[error("{0} is not a party of the trusted network")]
    Stranger(String),
    /// A party names an address that is not its own.
    #[error("{party} names an address at {host}, which is not its own")]
    OtherOrigin {
        /// Whose words.
        party: String,
        /// Where they point.
        host: String,
    },
    /// Not a URL.
    #[error("an address is not a URL")]
    Address,
    /// There are several issuers, or none.
    #[error("the network has {0} issuers")]
    WhichIssuer(usize),
    /// The wallet cannot be read or written.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Advise for NetworkError {
    fn advice(&self) -> String {
        match self {
            Self::None => "get the consortium's genesis file and run `tegata trust FILE`".into(),
            Self::Genesis(_) => "get the genesis file again from the consortium".into(),
            Self::Other(_) => "use another wallet (--dir) for another network".into(),
            Self::PlainHttp(_) => {
                "give --development if this is a sandbox on your own machine; never for real data"
                    .into()
            }
            Self::Stranger(_) | Self::OtherOrigin { .. } => {
                "do not go on: somebody may be posing as a party of the network".into()
            }
            Self::Address => "check the address that you were given".into(),
            Self::WhichIssuer(_) => "name one with --issuer".into(),
            Self::Session(error) => error.advice(),
        }
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::WhichIssuer(_) => FailureKind::Usage,
            Self::Session(error) => error.kind(),
            Self::None
            | Self::Genesis(_)
            | Self::Other(_)
            | Self::PlainHttp(_)
            | Self::Stranger(_)
            | Self::OtherOrigin { .. }
            | Self::Address => FailureKind::Refused,
        }
    }
}

impl Network {
    /// Reads a genesis file and checks that every party is reached in an acceptable way.
    pub fn parse(genesis: &str, setting: Setting) -> Result<Self, NetworkError> {
        let genesis = Genesis::parse(genesis.as_bytes())?;
        let network = Self { genesis, setting };
        let parties = network.parties();
        let members = parties.members().iter().map(|member| member.url.url());
        let issuers = parties.issuers().iter().map(|issuer| issuer.id.url());
        let verifiers = parties
            .verifiers()
            .iter()
            .map(|verifier| verifier.url.url());
        for url in members.chain(issuers).chain(verifiers) {
            let plain_allowed = setting == Setting::Development && is_loopback(url);
            if url.scheme() != "https" && !plain_allowed {
                return Err(NetworkError::PlainHttp(host(url)));
            }
        }
        Ok(network)
    }

    /// The network that the wallet trusts.
    pub fn load(vault: &Vault) -> Result<Self, NetworkError> {
        let stored: Stored = vault
            .get_json(NETWORK, TRUSTED)
            .map_err(SessionError::Read)?
            .ok_or(NetworkError::None)?;
        Self::parse(&stored.genesis, stored.setting)
    }

    /// The changes that make the wallet trust a network. A wallet trusts one network for ever.
    pub fn trust(
        vault: &Vault,
        genesis: &str,
        setting: Setting,
    ) -> Result<(Self, Changes), NetworkError> {
        let network = Self::parse(genesis, setting)?;
        match Self::load(vault) {
            Ok(trusted) if trusted.id() != network.id() => {
                return Err(NetworkError::Other(trusted.id()));
            }
            Ok(_) | Err(NetworkError::None) => {}
            Err(error) => return Err(error),
        }
        let stored = Stored {
            genesis: genesis.to_owned(),
            setting,
        };
        let changes = Changes::new()
            .put_json(NETWORK, TRUSTED, SCHEMA, &stored)
            .map_err(SessionError::Form)?;
        Ok((network, changes))
    }

    /// The genesis file, parsed.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The network's id.
    #[must_use]
    pub fn id(&self) -> NetworkId {
        self.genesis.network()
    }

    /// Who takes part.
    #[must_use]
    pub fn parties(&self) -> &Parties {
        self.genesis.parties()
    }

    /// Whether plain http on this machine is allowed.
    #[must_use]
    pub fn setting(&self) -> Setting {
        self.setting
    }

    /// The issuer of this identifier, or the only one there is.
    pub fn issuer(&self, id: Option<&str>) -> Result<&Issuer, NetworkError> {
        let issuers = self.parties().issuers();
        match (id, issuers) {
            (Some(id), _) => self
                .parties()
                .issuer(id)
                .ok_or_else(|| NetworkError::Stranger(crate::display::inert(id))),
            (None, [only]) => Ok(only),
            (None, others) => Err(NetworkError::WhichIssuer(others.len())),
        }
    }

    /// The issuer whose service is at this address.
    pub fn issuer_at(&self, url: &Url) -> Result<&Issuer, NetworkError> {
        let mut issuers = self.parties().issuers().iter();
        issuers
            .find(|issuer| issuer.id.url().origin() == url.origin())
            .ok_or_else(|| NetworkError::Stranger(host(url)))
    }

    /// The verifier whose service is at this address.
    pub fn verifier_at(&self, url: &Url) -> Result<&Verifier, NetworkError> {
        let mut verifiers = self.parties().verifiers().iter();
        verifiers
            .find(|verifier| verifier.url.url().origin() == url.origin())
            .ok_or_else(|| NetworkError::Stranger(host(url)))
    }

    /// The verifier of this identifier.
    pub fn verifier(&self, id: &str) -> Result<&Verifier, NetworkError> {
        self.parties()
            .verifier(id)
            .ok_or_else(|| NetworkError::Stranger(crate::display::inert(id)))
    }

    /// The member of this name; every party belongs to one.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.parties()
            .members()
            .iter()
            .find(|member| member.name == name)
    }
}

/// An address that a party named for itself: it must have the party's own origin.
pub fn own_address(party: &str, own: &Url, address: &str) -> Result<Url, NetworkError> {
    let url = Url::parse(address).map_err(|_| NetworkError::Address)?;
    if url.origin() == own.origin() && url.username().is_empty() && url.password().is_none() {
        return Ok(url);
    }
    Err(NetworkError::OtherOrigin {
        party: crate::display::inert(party),
        host: host(&url),
    })
}

/// An address below a party's own: its base path and one more part.
#[must_use]
pub fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
