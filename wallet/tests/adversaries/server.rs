//! A small HTTP service whose honest answers a test can replace.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, Uri};
use axum::response::Response;
use serde_json::Value;
use tokio::net::TcpListener;

/// What a service answers.
#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub media_type: &'static str,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(value: &Value) -> Self {
        Self::bytes("application/json", value.to_string().into_bytes())
    }

    pub fn bytes(media_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status: 200,
            media_type,
            location: None,
            body,
        }
    }

    pub fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::json(&Value::Null)
        }
    }

    pub fn redirect(location: &str) -> Self {
        Self {
            location: Some(location.to_owned()),
            ..Self::status(302)
        }
    }

    /// The same answer with a changed JSON body.
    pub fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let mut value = serde_json::from_slice(&self.body).unwrap();
        change(&mut value);
        self.body = value.to_string().into_bytes();
        self
    }
}

/// A request as a service sees it.
pub struct Call {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub body: Vec<u8>,
}

type Mischief = Box<dyn Fn(Reply) -> Reply + Send + Sync>;

/// What all services of a world share: which calls came, and what is answered wrongly.
#[derive(Default)]
pub struct Wire {
    calls: Mutex<Vec<String>>,
    mischief: Mutex<HashMap<String, Mischief>>,
}

impl Wire {
    /// From now on, answers to calls that start like this (`POST /token`) are changed.
    pub fn corrupt(&self, call: &str, change: impl Fn(Reply) -> Reply + Send + Sync + 'static) {
        let mut mischief = self.mischief.lock().unwrap();
        mischief.insert(call.to_owned(), Box::new(change));
    }

    /// Answers are honest again.
    pub fn repent(&self) {
        self.mischief.lock().unwrap().clear();
    }

    /// How many calls that start like this came.
    pub fn count(&self, call: &str) -> usize {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|known| known.starts_with(call)).count()
    }

    fn pass(&self, call: &str, reply: Reply) -> Reply {
        self.calls.lock().unwrap().push(call.to_owned());
        let mischief = self.mischief.lock().unwrap();
        let changed = mischief
            .iter()
            .find(|(start, _)| call.starts_with(start.as_str()));
        match changed {
            Some((_, change)) => change(reply),
            None => reply,
        }
    }
}

type Service = Arc<dyn Fn(&Call) -> Reply + Send + Sync>;

/// Serves on a listener until the test's runtime ends.
pub fn serve(listener: TcpListener, wire: Arc<Wire>, service: Service) {
    let router = Router::new().fallback(answer).with_state((wire, service));
    tokio::spawn(async move { axum::serve(listener, router).await });
}

async fn answer(
    State((wire, service)): State<(Arc<Wire>, Service)>,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let call = Call {
        method,
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        body: body.to_vec(),
    };
    let name = format!("{} {}", call.method, call.path);
    let reply = wire.pass(&name, service(&call));
    let mut response = Response::builder()
        .status(reply.status)
        .header("content-type", reply.media_type);
    if let Some(location) = reply.location {
        response = response.header("location", location);
    }
    response.body(Body::from(reply.body)).unwrap()
}
