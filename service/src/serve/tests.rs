use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::task::{Context, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tower::ServiceExt;

use super::{ServeError, Server, shell};
use crate::config::{SecretPath, ServiceConfig, TlsConfig};
use crate::limits::{
    HEADER_BYTES_MAX, HEADER_READ_TIMEOUT, HEADERS_MAX, REQUEST_TIMEOUT, REQUESTS_IN_FLIGHT_MAX,
};
use crate::operations::{Operations, Readiness};

struct Running {
    address: SocketAddr,
    operations: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

fn router() -> Router {
    #[expect(clippy::panic, reason = "the case under test")]
    async fn fail() {
        panic!("佐藤");
    }
    Router::new()
        .route("/ok", get(async || "ok"))
        .route("/echo", post(async |body: String| body))
        .route("/panic", get(fail))
        .route("/never", get(std::future::pending::<()>))
}

async fn start(config: &ServiceConfig) -> Running {
    let server = Server::bind(config).await.unwrap();
    let (address, operations_address) = (server.address(), server.operations_address());
    let (stop, stopped) = oneshot::channel();
    let operations = Operations::new("test", "0")
        .ready_if(|| Readiness::NotReady("asleep"))
        .measuring(|to| to.gauge("tegata_test", "A test.", 7));
    let task = tokio::spawn(server.run(router(), operations, async move {
        let _ = stopped.await;
    }));
    Running {
        address,
        operations: operations_address,
        stop,
        task,
    }
}

fn config() -> ServiceConfig {
    ServiceConfig::loopback_for_development(0)
}

/// Sends raw bytes and reads until the server closes or falls silent for ten times longer than it ever needs.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    read_to_end(&mut stream).await
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get_request(extra: &str) -> Vec<u8> {
    format!("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{extra}\r\n").into_bytes()
}

#[tokio::test]
async fn every_answer_has_the_security_headers_and_a_request_id() {
    for path in ["/ok", "/missing", "/panic"] {
        let response = shell(router())
            .oneshot(Request::get(path).body(Body::empty()).unwrap())
            .await
            .unwrap();
        for name in [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "strict-transport-security",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "x-request-id",
        ] {
            assert!(response.headers().contains_key(name), "{path} lacks {name}");
        }
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn neg_c05_the_content_security_policy_allows_nothing_inline() {
    let response = shell(router())
        .oneshot(Request::get("/ok").body(Body::empty()).unwrap())
        .await
        .unwrap();
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.starts_with("default-src 'none'; "));
    assert!(policy.contains("frame-ancestors 'none'; base-uri 'none'; form-action 'self'"));
    assert!(!policy.contains("unsafe"));
}

#[tokio::test]
async fn neg_e07_a_panic_is_answered_without_its_text_and_others_go_on() {
    let running = start(&config()).await;
    let answer = exchange(
        running.address,
        b"GET /panic HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(!answer.contains("佐藤"), "{answer}");
    assert!(
        exchange(running.address, &get_request(""))
            .await
            .starts_with("HTTP/1.1 200 ")
    );
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    for (method, path, status) in [
        ("GET", "/missing", StatusCode::NOT_FOUND),
        ("DELETE", "/ok", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let response = shell(router()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
    }
}

#[tokio::test]
async fn headers_are_read_up_to_their_number() {
    let running = start(&config()).await;
    let lines = |count: usize| {
        (0..count)
            .map(|n| format!("x-{n}: 1\r\n"))
            .collect::<String>()
    };
    // Host and Connection are two of them.
    let most = exchange(running.address, &get_request(&lines(HEADERS_MAX - 2))).await;
    assert!(most.starts_with("HTTP/1.1 200 "), "{most}");
    let beyond = exchange(running.address, &get_request(&lines(HEADERS_MAX - 1))).await;
    assert!(beyond.starts_with("HTTP/1.1 431 "), "{beyond}");
}

#[tokio::test]
async fn headers_are_read_up_to_their_size() {
    let running = start(&config()).await;
    let fits = format!("x: {}\r\n", "a".repeat(HEADER_BYTES_MAX - 1_024));
    assert!(
        exchange(running.address, &get_request(&fits))
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    let beyond = format!("x: {}\r\n", "a".repeat(HEADER_BYTES_MAX));
    let answer = exchange(running.address, &get_request(&beyond)).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test]
async fn neg_e02_ambiguous_lengths_are_refused_and_the_connection_closed() {
    let running = start(&config()).await;
    let post = |lines: &str, body: &str| {
        format!("POST /echo HTTP/1.1\r\nHost: x\r\n{lines}\r\n{body}").into_bytes()
    };
    let fine = exchange(
        running.address,
        &post("Content-Length: 2\r\nConnection: close\r\n", "ok"),
    )
    .await;
    assert!(fine.starts_with("HTTP/1.1 200 "), "{fine}");
    for (lines, body) in [
        ("Content-Length: 2\r\nContent-Length: 3\r\n", "abc"),
        ("Content-Length: 4, 5\r\n", "abcde"),
        ("Content-Length: +2\r\n", "ok"),
        ("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("Content-Length: 2\r\nX: a\r\n b\r\n", "ok"),
    ] {
        let answer = exchange(running.address, &post(lines, body)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{lines}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
}

/// RFC 9112 section 6.1 lets a server read the chunks if it closes then; a second request must not be seen in them.
#[tokio::test]
async fn neg_e02_a_request_smuggled_behind_two_lengths_is_not_answered() {
    let running = start(&config()).await;
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
    ] {
        let request = format!(
            "POST /echo HTTP/1.1\r\nHost: x\r\n{lengths}\r\n\r\n0\r\n\r\nGET /ok HTTP/1.1\r\nHost: x\r\n\r\n"
        );
        let answer = exchange(running.address, request.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(
            answer.to_ascii_lowercase().contains("connection: close"),
            "{answer}"
        );
    }
}

/// HTTP/2 and its floods have nobody to talk to here.
#[tokio::test]
async fn neg_e03_http_2_is_not_spoken() {
    let running = start(&config()).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let answer = exchange(running.address, preface).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400 "),
        "{answer}"
    );
    assert!(
        exchange(running.address, &get_request(""))
            .await
            .starts_with("HTTP/1.1 200 ")
    );
}

#[tokio::test]
async fn neg_e04_a_compressed_body_is_refused() {
    let request = Request::post("/echo")
        .header("content-encoding", "gzip")
        .body(Body::from("x"))
        .unwrap();
    let response = shell(router()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test(start_paused = true)]
async fn neg_e01_a_request_that_never_ends_is_answered_in_time() {
    let begun = tokio::time::Instant::now();
    let request = Request::get("/never").body(Body::empty()).unwrap();
    let response = shell(router()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(begun.elapsed().as_secs(), REQUEST_TIMEOUT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn neg_e01_slow_headers_are_cut_off() {
    let running = start(&config()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let begun = tokio::time::Instant::now();
    stream
        .write_all(b"GET /ok HTTP/1.1\r\nHost:")
        .await
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
    assert!(
        begun.elapsed() < HEADER_READ_TIMEOUT + Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn n11_whoever_is_turned_away_is_answered_after_it_has_asked() {
    let running = start(&ServiceConfig {
        connections_per_address_max: 1,
        ..config()
    })
    .await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first
        .write_all(b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    first.readable().await.unwrap();
    let mut second = TcpStream::connect(running.address).await.unwrap();
    // Nothing may come before the request.
    let early = tokio::time::timeout(Duration::from_millis(200), second.peek(&mut [0])).await;
    assert!(early.is_err(), "{early:?}");
    let head = b"POST /ok HTTP/1.1\r\nHost: x\r\nContent-Length: 16384\r\n\r\n";
    second.write_all(head).await.unwrap();
    second.write_all(&[0; 8192]).await.unwrap();
    second.write_all(&[0; 8192]).await.unwrap();
    assert!(read_to_end(&mut second).await.starts_with("HTTP/1.1 429 "));
}

#[tokio::test]
async fn neg_e01_an_address_gets_its_connections_and_no_more() {
    let running = start(&ServiceConfig {
        connections_per_address_max: 2,
        ..config()
    })
    .await;
    let mut first = TcpStream::connect(running.address).await.unwrap();
    let second = TcpStream::connect(running.address).await.unwrap();
    first
        .write_all(b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    first.readable().await.unwrap();
    let mut third = TcpStream::connect(running.address).await.unwrap();
    assert!(read_to_end(&mut third).await.starts_with("HTTP/1.1 429 "));
    drop(second);
    // The place is free once the server has seen the end of the second connection.
    while !exchange(running.address, &get_request(""))
        .await
        .starts_with("HTTP/1.1 200 ")
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_to_come_back() {
    let router = shell(router());
    let mut held = Vec::new();
    for _ in 0..REQUESTS_IN_FLIGHT_MAX {
        let request = Request::get("/never").body(Body::empty()).unwrap();
        let mut answer = Box::pin(router.clone().oneshot(request));
        let mut context = Context::from_waker(Waker::noop());
        assert!(answer.as_mut().poll(&mut context).is_pending());
        held.push(answer);
    }
    let response = router
        .clone()
        .oneshot(Request::get("/ok").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    drop(held);
    let response = router
        .oneshot(Request::get("/ok").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn plain_http_is_refused_unless_it_is_loopback_in_development() {
    let mut outside = config();
    outside.listen = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(
        Server::bind(&outside).await,
        Err(ServeError::PlainHttpRefused { .. })
    ));
    let mut production = config();
    production.development_loopback_http = false;
    assert!(matches!(
        Server::bind(&production).await,
        Err(ServeError::PlainHttpRefused { .. })
    ));
    assert!(Server::bind(&config()).await.is_ok());
}

#[tokio::test]
async fn a_stop_lets_running_connections_end() {
    let running = start(&config()).await;
    assert!(
        exchange(running.address, &get_request(""))
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    running.stop.send(()).unwrap();
    running.task.await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

/// With a certificate, as strangers meet it; the certificate is `mine.pem`.
async fn start_for_strangers(folder: &Path) -> Running {
    let mine = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = SecretPath::new(folder.join("key.pem"));
    key.create(mine.signing_key.serialize_pem().as_bytes())
        .unwrap();
    let tls = TlsConfig {
        certificates: write(folder, "mine.pem", &mine.cert.pem()),
        key,
    };
    start(&ServiceConfig {
        tls: Some(tls),
        development_loopback_http: false,
        ..config()
    })
    .await
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn neg_e06_only_a_certificate_of_a_trusted_authority_is_accepted() {
    use crate::client::{Outbound, Reach};
    let folder = tempfile::tempdir().unwrap();
    let running = start_for_strangers(folder.path()).await;
    let url = url::Url::parse(&format!("https://localhost:{}/ok", running.address.port())).unwrap();

    let trusting = Outbound::new(Reach::HttpsOnly, Some(&folder.path().join("mine.pem"))).unwrap();
    assert_eq!(trusting.fetch(&url).await.unwrap().status, StatusCode::OK);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let distrusting = Outbound::new(
        Reach::HttpsOnly,
        Some(&write(folder.path(), "other.pem", &other.cert.pem())),
    )
    .unwrap();
    assert!(distrusting.fetch(&url).await.is_err());
    let plain = exchange(running.address, &get_request("")).await;
    assert!(!plain.contains(" 200 "), "{plain}");
}

#[tokio::test]
async fn the_operator_asks_what_the_public_does_not_see() {
    let side = Some("127.0.0.1:0".parse().unwrap());
    let running = start(&ServiceConfig {
        operations_listen: side,
        ..config()
    })
    .await;
    let ask = async |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        exchange(running.operations.unwrap(), request.as_bytes()).await
    };
    exchange(running.address, &get_request("")).await;
    assert!(ask("/healthz").await.ends_with("\r\n\r\nok"));
    let unready = ask("/readyz").await;
    assert!(unready.starts_with("HTTP/1.1 503 ") && unready.ends_with("\r\n\r\nasleep\n"));
    let metrics = ask("/metrics").await;
    for line in [
        "tegata_build_info{program=\"test\",version=\"0\"} 1\n",
        "tegata_ready 0\n",
        "tegata_test 7\n",
        "tegata_http_requests_total{route=\"/ok\",method=\"GET\",status=\"200\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(ask("/ok").await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn metrics_are_not_shown_on_an_address_that_others_reach() {
    for (listen, allowed) in [
        ("0.0.0.0:0", false),
        ("203.0.113.1:0", false),
        ("[2001:db8::1]:0", false),
        ("127.0.0.1:0", true),
    ] {
        let config = ServiceConfig {
            operations_listen: Some(listen.parse().unwrap()),
            ..config()
        };
        let bound = Server::bind(&config).await;
        let exposed = matches!(bound, Err(ServeError::OperationsExposed { .. }));
        assert_eq!(exposed, !allowed, "{listen}");
    }
}

#[tokio::test]
async fn strangers_see_whether_a_service_is_ready_and_no_metrics() {
    use crate::client::{Outbound, Reach};
    let folder = tempfile::tempdir().unwrap();
    let running = start_for_strangers(folder.path()).await;
    let stranger = Outbound::new(Reach::HttpsOnly, Some(&folder.path().join("mine.pem"))).unwrap();
    for (path, status) in [("readyz", 503), ("metrics", 404)] {
        let url = format!("https://localhost:{}/{path}", running.address.port());
        let answer = stranger.fetch(&url.parse().unwrap()).await.unwrap();
        assert_eq!(answer.status, status, "{path}");
    }
}
