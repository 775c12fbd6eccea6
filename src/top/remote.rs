//! An instance that is asked over HTTP.

use super::source::{Events, Source, Trouble};
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;
use ureq::{Agent, Body, http::Response};

/// An answer that takes longer is given up: the instance itself gives up after five seconds.
const PATIENCE: Duration = Duration::from_secs(8);
/// What one answer may come to.
const ANSWER_MAX: u64 = 64 << 20;

/// A running instance by its `--http` address.
pub struct Remote {
    address: String,
    agent: Agent,
}

impl Remote {
    /// The instance at `HOST:PORT`; `http://` before it and a path behind it are left out.
    #[must_use]
    pub fn new(address: &str) -> Self {
        let address = address.strip_prefix("http://").unwrap_or(address);
        let address = address.split('/').next().unwrap_or_default();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // It is a neighbor, whatever the environment says of proxies.
            .proxy(None)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE));
        Self {
            address: address.to_owned(),
            agent: config.build().into(),
        }
    }

    fn get(&self, path: &str) -> Result<Response<Body>, Trouble> {
        let url = format!("http://{}{path}", self.address);
        let answer = self.agent.get(url).call();
        let answer = answer.map_err(|error| Trouble::Unreachable(error.to_string()))?;
        match answer.status().as_u16() {
            200 => Ok(answer),
            503 => Err(Trouble::Busy(
                "it has no time to answer at the moment".into(),
            )),
            status => Err(Trouble::Stranger(format!(
                "it answers {path} with the status {status}"
            ))),
        }
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        let mut answer = Vec::new();
        let body = self.get(path)?.into_body().into_reader();
        body.take(ANSWER_MAX)
            .read_to_end(&mut answer)
            .map_err(|error| Trouble::Unreachable(error.to_string()))?;
        Ok(answer)
    }
}

impl Source for Remote {
    fn name(&self) -> String {
        self.address.clone()
    }

    fn status(&self) -> Result<Vec<u8>, Trouble> {
        // Sessions tell of their directions.
        self.read("/status?limit=0")
    }

    fn sessions(&self, from: usize, limit: usize) -> Result<Vec<u8>, Trouble> {
        self.read(&format!("/sessions?from={from}&limit={limit}"))
    }

    fn events(&self) -> Result<Box<dyn Events>, Trouble> {
        let body = self.get("/events")?.into_body().into_reader();
        Ok(Box::new(Lines(BufReader::new(Box::new(body)))))
    }
}

/// Lines of an answer that does not end.
struct Lines(BufReader<Box<dyn Read>>);

impl Events for Lines {
    fn next(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let read = self.0.read_until(b'\n', &mut line);
        read.is_ok_and(|length| length > 0).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_link() {
        for link in [
            "127.0.0.1:9180",
            "http://127.0.0.1:9180",
            "http://127.0.0.1:9180/sessions",
        ] {
            assert_eq!(Remote::new(link).name(), "127.0.0.1:9180");
        }
    }
}
