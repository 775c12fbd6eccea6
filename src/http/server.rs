//! The HTTP side: from a request to a question, and from its answer to a response.

use super::ask::{Desk, PAGE_MAX, Question, RibQuestion};
use super::status::Status;
use crate::bgp::Prefix;
use crate::error::SetupError;
use crate::sink::metrics::{Listener, Server};
use crate::sink::stream::Hub;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_core::Stream;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;

/// The worker looks at questions every 20 ms; one that is this late has no time for them.
const PATIENCE: Duration = Duration::from_secs(5);

/// Serves `/sessions`, `/rib`, `/status` and `/events` on a thread of its own.
///
/// # Errors
/// No thread can be started.
pub fn serve(
    listener: Listener,
    desk: Desk,
    hub: Hub,
    status: Status,
) -> Result<Server, SetupError> {
    let mut app = Router::new()
        .route("/sessions", get(sessions))
        .route("/rib", get(rib))
        .with_state(desk)
        .route("/status", get(tell_status).with_state(status))
        .route("/events", get(events).with_state(hub));
    if listener.address().ip().is_loopback() {
        // A page in a browser must not reach it under a name of its own (DNS rebinding).
        app = app.layer(middleware::from_fn(own_name));
    }
    listener.serve_app("http", app)
}

async fn own_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let address = host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok();
    let name = host.split(':').next() == Some("localhost");
    if address || name || host.starts_with('[') {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "ask by address or as localhost\n").into_response()
    }
}

async fn sessions(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Response {
    match sessions_question(query.as_deref().unwrap_or_default()) {
        Ok(question) => answer(&desk, question).await,
        Err(wrong) => bad(&wrong),
    }
}

async fn tell_status(State(status): State<Status>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], status.tell()).into_response()
}

async fn rib(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Response {
    match rib_question(query.as_deref().unwrap_or_default()) {
        Ok(question) => answer(&desk, Question::Rib(question)).await,
        Err(wrong) => bad(&wrong),
    }
}

/// Events from now on, until whoever listens leaves or does not keep up.
async fn events(State(hub): State<Hub>, RawQuery(query): RawQuery) -> Response {
    if let Err(wrong) = events_wanted(query.as_deref().unwrap_or_default()) {
        return bad(&wrong);
    }
    let Some(listener) = hub.listen() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many listeners\n").into_response();
    };
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(Lines(listener))).into_response()
}

/// Which events are wanted. All of them, so far: no parameter says otherwise.
fn events_wanted(query: &str) -> Result<(), String> {
    match form_urlencoded::parse(query.as_bytes()).next() {
        Some((name, _)) => Err(format!("no such parameter: {name}")),
        None => Ok(()),
    }
}

/// What a listener is told.
struct Lines(mpsc::Receiver<Bytes>);

impl Stream for Lines {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|lines| lines.map(Ok))
    }
}

fn bad(wrong: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("{wrong}\n")).into_response()
}

async fn answer(desk: &Desk, question: Question) -> Response {
    let Some(answer) = desk.ask(question) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many questions\n").into_response();
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(Some(json))) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Ok(Ok(None)) => (StatusCode::NOT_FOUND, "no such session\n").into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "no answer\n").into_response(),
    }
}

fn sessions_question(query: &str) -> Result<Question, String> {
    let (mut from, mut limit) = (0, PAGE_MAX);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "from" => from = number(&name, &value)?,
            "limit" => limit = number(&name, &value)?,
            _ => return Err(format!("no such parameter: {name}")),
        }
    }
    let limit = limit.min(PAGE_MAX);
    Ok(Question::Sessions { from, limit })
}

fn rib_question(query: &str) -> Result<RibQuestion, String> {
    let mut question = RibQuestion {
        session: 0,
        peer: None,
        afi: None,
        safi: None,
        prefix: None,
        exact: false,
        from: 0,
        limit: PAGE_MAX,
    };
    let mut session = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "session" => session = u64::from_str_radix(&value, 16).ok(),
            "peer" => question.peer = Some(number(&name, &value)?),
            "afi" => question.afi = Some(number(&name, &value)?),
            "safi" => question.safi = Some(number(&name, &value)?),
            "prefix" => question.prefix = Some(prefix(&value)?),
            "exact" => question.exact = number(&name, &value)?,
            "from" => question.from = number(&name, &value)?,
            "limit" => question.limit = number(&name, &value)?,
            _ => return Err(format!("no such parameter: {name}")),
        }
    }
    question.limit = question.limit.min(PAGE_MAX);
    question.session = session.ok_or("session=ID is needed, as /sessions tells it")?;
    Ok(question)
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{name} cannot be {value:?}"))
}

/// A prefix, or an address as the longest prefix; bits beyond the length are left out.
fn prefix(text: &str) -> Result<Prefix, String> {
    let wrong = || format!("prefix cannot be {text:?}");
    let (addr, len) = text
        .split_once('/')
        .map_or((text, None), |(a, l)| (a, Some(l)));
    let addr: IpAddr = addr.parse().map_err(|_| wrong())?;
    let most = if addr.is_ipv4() { 32 } else { 128 };
    let len: u8 = match len {
        Some(len) => len.parse().map_err(|_| wrong())?,
        None => most,
    };
    if len > most {
        return Err(wrong());
    }
    let whole = Prefix {
        addr,
        len: most,
        path_id: None,
    };
    Ok(whole.cut(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_questions() {
        let query = "session=00000000000000ff&peer=2001%3Adb8%3A%3A1&prefix=10.1.2.3%2F16&afi=1&safi=1&exact=true&limit=9999";
        let question = rib_question(query).expect("valid");
        assert_eq!(question.session, 255);
        assert_eq!(question.peer, "2001:db8::1".parse().ok());
        let prefix = question.prefix.expect("given");
        assert_eq!(prefix.to_string(), "10.1.0.0/16", "host bits are left out");
        assert!(question.exact);
        assert_eq!(question.limit, PAGE_MAX);
        let all = rib_question("session=1&prefix=::1").expect("valid").prefix;
        assert_eq!(all.expect("given").to_string(), "::1/128");
        let page = Question::Sessions { from: 5, limit: 2 };
        assert_eq!(sessions_question("from=5&limit=2"), Ok(page));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for query in [
            "",
            "session=x",
            "session=1&prefix=10.0.0.0/33",
            "session=1&prefix=ten",
            "session=1&afi=70000",
            "session=1&colour=red",
        ] {
            assert!(rib_question(query).is_err(), "{query}");
        }
        assert!(sessions_question("from=-1").is_err());
    }
}
