//! TLS 1.2 and 1.3 by rustls, with aws-lc-rs as the one provider.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::TlsAcceptor;

use super::ServeError;
use crate::config::{TlsConfig, read_certificates};

/// Reads certificate and key, and offers HTTP/1.1 only.
pub(super) fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, ServeError> {
    let certificates = read_certificates(&config.certificates)?;
    let pem = config.key.read()?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| ServeError::NoKey)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ServeError::Tls)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(ServeError::Tls)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}
