//! `/metrics` over HTTP, on a thread of its own.

use super::Metrics;
use super::export::Exporter;
use crate::error::SetupError;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A running exporter. It stops when dropped.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// An address that is bound, and not served yet.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
    option: &'static str,
}

impl Listener {
    /// Binds `address`.
    ///
    /// # Errors
    /// It is taken, or not one of this host.
    pub fn bind(address: SocketAddr) -> Result<Self, SetupError> {
        Self::bind_for(address, "--metrics")
    }

    /// Binds the address that an option of the command line gave.
    ///
    /// # Errors
    /// It is taken, or not one of this host.
    pub fn bind_for(address: SocketAddr, option: &'static str) -> Result<Self, SetupError> {
        let bind = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self {
                listener,
                address,
                option,
            })
        };
        bind().map_err(|error| failed(address, option, &error))
    }

    /// Serves `metrics` on a thread of its own.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn serve(self, metrics: Arc<Metrics>) -> Result<Server, SetupError> {
        self.serve_app("metrics", app(metrics))
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `app` on a thread of that name.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn serve_app(self, name: &str, app: Router) -> Result<Server, SetupError> {
        let Self {
            listener,
            address,
            option,
        } = self;
        let failed = |error: std::io::Error| failed(address, option, &error);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || runtime.block_on(serve(listener, app, stopped)))
            .map_err(failed)?;
        Ok(Server {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

fn failed(address: SocketAddr, option: &str, error: &std::io::Error) -> SetupError {
    SetupError::Other {
        what: format!("listening on {address}"),
        why: error.to_string(),
        remedy: format!("give another address with {option} ADDR:PORT"),
    }
}

impl Server {
    /// Serves `metrics` at `address`.
    ///
    /// # Errors
    /// The address cannot be bound, or no thread can be started.
    pub fn start(address: SocketAddr, metrics: Arc<Metrics>) -> Result<Self, SetupError> {
        Listener::bind(address)?.serve(metrics)
    }

    /// Where it listens; the port is known even if 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

fn app(metrics: Arc<Metrics>) -> Router {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exporter(metrics)));
    let registry = Arc::new(registry);
    Router::new().route("/metrics", get(move || scrape(Arc::clone(&registry))))
}

async fn serve(listener: TcpListener, app: Router, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    // Not a graceful shutdown: an idle keep-alive connection must not delay the exit.
    tokio::select! {
        _ = axum::serve(listener, app).into_future() => (),
        _ = stopped => (),
    }
}

async fn scrape(registry: Arc<Registry>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("the server listens");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("UTF-8");
        answer
    }

    #[test]
    fn metrics_are_served_there_and_nothing_else() {
        let server =
            Server::start(([127, 0, 0, 1], 0).into(), Arc::default()).expect("a free port");
        let answer = get(server.address(), "/metrics");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(OPENMETRICS), "{answer}");
        assert!(answer.contains("# EOF"), "{answer}");
        assert!(get(server.address(), "/").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn an_occupied_address_is_a_clear_error() {
        let server =
            Server::start(([127, 0, 0, 1], 0).into(), Arc::default()).expect("a free port");
        let error = Server::start(server.address(), Arc::default())
            .err()
            .expect("occupied");
        let text = error.to_string();
        assert!(text.contains("--metrics"), "{text}");
        assert!(text.contains(&server.address().to_string()), "{text}");
    }
}
