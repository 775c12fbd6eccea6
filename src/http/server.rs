//! The HTTP side: from a request to a question, and from its answer to a response.

use super::ask::{Desk, PAGE_MAX, Question, RibQuestion};
use super::page::page;
use super::status::Status;
use crate::bgp::Prefix;
use crate::error::SetupError;
use crate::filter::{Filter, Selection};
use crate::sink::metrics::{Listener, Server};
use crate::sink::stream::Hub;
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
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

/// Serves the page and what it asks for, `/sessions`, `/rib`, `/status` and `/events`, on a thread of its own.
///
/// # Errors
/// No thread can be started.
pub fn serve(listener: Listener, desk: Desk, hub: Hub, told: Status) -> Result<Server, SetupError> {
    let mut app = Router::new()
        .route("/sessions", get(sessions))
        .route("/rib", get(rib))
        .with_state(desk)
        .route("/events", get(events).with_state(hub))
        .route("/status", get(status).with_state(told))
        .route("/", get(page))
        .fallback(nothing_there)
        .layer(middleware::map_response(as_it_says));
    if listener.address().ip().is_loopback() {
        // A page in a browser must not reach it under a name of its own (DNS rebinding).
        app = app.layer(middleware::from_fn(own_name));
    }
    listener.serve_app("http", app)
}

async fn nothing_there() -> Response {
    let paths = "there are /, /sessions, /status, /events and /rib; metrics are at the address of --metrics\n";
    (StatusCode::NOT_FOUND, paths).into_response()
}

async fn own_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let address = host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok();
    let name = host.split(':').next() == Some("localhost");
    if address || name || host.starts_with('[') {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "ask by address or as localhost: it listens on loopback, and answers no page that came by another name\n").into_response()
    }
}

/// Text from the wire is never to be taken for something else.
async fn as_it_says(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

async fn sessions(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Response {
    match part(query.as_deref().unwrap_or_default()) {
        Ok((from, limit)) => answer(&desk, Question::Sessions { from, limit }).await,
        Err(wrong) => bad(&wrong),
    }
}

/// What the metrics say; the worker is not asked.
async fn status(State(status): State<Status>, RawQuery(query): RawQuery) -> Response {
    match part(query.as_deref().unwrap_or_default()) {
        Ok((from, limit)) => match status.tell(from, limit) {
            Ok(status) => json(status),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        },
        Err(wrong) => bad(&wrong),
    }
}

fn json(object: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], object).into_response()
}

async fn rib(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Response {
    match rib_question(query.as_deref().unwrap_or_default()) {
        Ok(question) => answer(&desk, Question::Rib(question)).await,
        Err(wrong) => bad(&wrong),
    }
}

/// Events from now on, until whoever listens leaves or does not keep up.
async fn events(State(hub): State<Hub>, RawQuery(query): RawQuery) -> Response {
    let selection = match events_wanted(query.as_deref().unwrap_or_default()) {
        Ok(selection) => selection,
        Err(wrong) => return bad(&wrong),
    };
    let Some(listener) = hub.listen(selection) else {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many listeners: sixteen may listen at a time\n",
        )
            .into_response();
    };
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(Lines(listener))).into_response()
}

/// Which events are wanted: all, or what a filter selects.
fn events_wanted(query: &str) -> Result<Selection, String> {
    let mut filters = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "filter" => {
                let filter = Filter::parse(&value).map_err(|error| error.to_string())?;
                filters.push(filter);
            }
            "only-changes" if number(&name, &value)? => filters.push(Filter::only_changes()),
            "only-changes" => (),
            _ => return Err(unknown(&name, "filter and only-changes")),
        }
    }
    Ok(filters.into_iter().collect())
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
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many questions wait: ask again in a second\n",
        )
            .into_response();
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(Some(object))) => json(object),
        Ok(Ok(None)) => (StatusCode::NOT_FOUND, "no tables of such a session: those that are over have none, but for a restart; with --no-rib none are kept\n").into_response(),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the capture had no time to answer: ask again in a second\n").into_response(),
    }
}

/// Which part of a list is wanted: from where on, and how much of it.
fn part(query: &str) -> Result<(usize, usize), String> {
    let (mut from, mut limit) = (0, PAGE_MAX);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "from" => from = number(&name, &value)?,
            "limit" => limit = number(&name, &value)?,
            _ => return Err(unknown(&name, "from and limit")),
        }
    }
    Ok((from, limit.min(PAGE_MAX)))
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
            _ => {
                return Err(unknown(
                    &name,
                    "session, peer, afi, safi, prefix, exact, from and limit",
                ));
            }
        }
    }
    question.limit = question.limit.min(PAGE_MAX);
    question.session = session.ok_or("session=ID is needed, as /sessions tells it")?;
    Ok(question)
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{name} cannot be {value:?}: {} is needed", wanted(name)))
}

fn wanted(name: &str) -> &'static str {
    match name {
        "peer" => "an IP address",
        "exact" | "only-changes" => "true or false",
        "afi" => "a number up to 65535",
        "safi" => "a number up to 255",
        _ => "a number",
    }
}

fn unknown(name: &str, there: &str) -> String {
    format!("no such parameter: {name}; there are {there}")
}

/// A prefix, or an address as the longest prefix; bits beyond the length are left out.
fn prefix(text: &str) -> Result<Prefix, String> {
    let wrong =
        || format!("prefix cannot be {text:?}: one like 192.0.2.0/24, or an address, is needed");
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
        assert_eq!(part("from=5&limit=2"), Ok((5, 2)));
        assert_eq!(part("limit=9999"), Ok((0, PAGE_MAX)));
    }

    #[test]
    fn events_are_filtered_by_parameters() {
        assert!(events_wanted("").is_ok());
        assert!(events_wanted("filter=type+update&only-changes=true&filter=as+64500").is_ok());
        let error = events_wanted("filter=famly+ipv4").expect_err("no such test");
        assert!(error.contains("perhaps `family`"), "{error}");
        assert!(events_wanted("only-changes=perhaps").is_err());
        assert!(events_wanted("colour=red").is_err());
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
        let error = part("from=-1").expect_err("no place");
        assert_eq!(error, "from cannot be \"-1\": a number is needed");
        let error = part("form=1").expect_err("no parameter");
        assert_eq!(error, "no such parameter: form; there are from and limit");
        let error = rib_question("session=1&prefix=10.0.0.0/33").expect_err("too long");
        assert!(error.contains("192.0.2.0/24"), "{error}");
    }
}
