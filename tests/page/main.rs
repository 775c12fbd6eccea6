//! The page at `/`, in headless Chromium over a running capture: it is live, it finds routes, what routers say stays
//! text, and it can be read on a phone and in the dark.
//!
//! `BGPTAP_SCREENSHOT=FILE` writes a picture of it: that is `docs/img/page.png`.
#![cfg(feature = "capture")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use support::encode::Frame;
use support::net::{Live, Net, TAP, allowed};
use support::segments::{Seg, keepalive, message, open_with};
use support::{Scratch, frames, have, recording};

const HTTP: &str = "127.0.0.1:9180";
/// What a hostile router says: it would write into the page, were it taken for markup.
const HOSTILE: &str =
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";

/// Headless Chromium in a network namespace, driven by `browser.py`.
struct Browser {
    child: Child,
    steps: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Browser {
    fn start(space: &str) -> Self {
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/browser.py");
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", space, "python3"])
            .arg(driver);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Self {
            steps: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Does a step, see `browser.py`.
    fn step(&mut self, step: &Value) -> Value {
        let steps = self.steps.as_mut().unwrap();
        writeln!(steps, "{step}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).expect("the browser said why not");
        answer["value"].clone()
    }

    fn until(&mut self, expression: &str) -> Value {
        self.step(&json!({"until": expression}))
    }

    fn eval(&mut self, expression: &str) -> Value {
        self.step(&json!({"eval": expression}))
    }

    fn shot(&mut self, file: &Path) {
        self.step(&json!({"shot": file}));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // At the end of its steps it ends the browser and itself.
        drop(self.steps.take());
        let _ = self.child.wait();
    }
}

/// A session whose every text is hostile, in a file to be replayed: name of the host, software, and why it ends.
fn hostile(scratch: &Scratch) -> PathBuf {
    let text = |value: &str| [&[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    // draft-walton-bgp-hostname-capability, draft-ietf-idr-bgp-software-version; RFC 9003 §2.
    let named = [text(HOSTILE), text("")].concat();
    let version = text(HOSTILE);
    let open = open_with(65001, &[(73, &named), (75, &version)]);
    let said = [vec![6, 2], text(HOSTILE)].concat();
    let end = message(3, &said);
    let talk = [open, keepalive(), end].concat();
    let answer = [open_with(65002, &[]), keepalive()].concat();
    let (syn, ack) = (0x02, 0x10);
    let segments = [
        Seg::new(0, syn, 1000, 0, &[]),
        Seg::new(1, syn | ack, 5000, 1001, &[]),
        Seg::new(1, ack, 5001, 1001, &answer),
        Seg::new(
            0,
            ack,
            1001,
            5001 + u32::try_from(answer.len()).unwrap(),
            &talk,
        ),
    ];
    let frames: Vec<_> = segments
        .iter()
        .zip(1u16..)
        .map(|(segment, id)| {
            let bytes = segment.frame(id);
            Frame {
                ns: 1_700_000_000_000_000_000 + u64::from(id) * 1_000_000,
                wire_len: u32::try_from(bytes.len()).unwrap(),
                link: frames::ETHERNET,
                bytes,
            }
        })
        .collect();
    frames::write(&frames, scratch, "hostile.pcap")
}

#[test]
fn the_page_shows_a_capture_and_text_stays_text() {
    if !(allowed() && have("chromium")) {
        return;
    }
    let (net, scratch) = (Net::new(), Scratch::new("page"));
    let live = Live::start(&net.mon, TAP, &scratch, &["--http", HTTP]);
    let mut browser = Browser::start(&net.mon);
    browser.step(&json!({"screen": [1280, 1100]}));
    browser.step(&json!({"open": format!("http://{HTTP}/")}));
    // It has asked, and listens.
    browser.until("document.body.dataset.polls && document.body.dataset.filter");
    net.replay(recording(), &["--speed", "16"]);
    figures(&mut browser);
    search(&mut browser);
    if let Some(file) = std::env::var_os("BGPTAP_SCREENSHOT") {
        browser.shot(Path::new(&file));
    }
    net.replay(&hostile(&scratch), &[]);
    text_stays_text(&mut browser);
    filters(&mut browser);
    phone_and_dark(&mut browser, &scratch);
    // The wrong filter was refused; the policy had nothing to refuse, and no exception was thrown.
    let complaints = browser.step(&json!({"complaints": true}));
    let complaints = complaints.as_array().unwrap();
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(
        complaints[0].as_str().unwrap().contains("400"),
        "{complaints:?}"
    );
    drop(browser);
    live.stop();
}

/// What the page says is what the capture says.
fn figures(browser: &mut Browser) {
    let sessions = "document.querySelectorAll('#sessions tbody tr').length";
    browser.until(&format!("{sessions} > 3"));
    let asked =
        "fetch('sessions').then((answer) => answer.json()).then((all) => all.sessions.length)";
    let known = browser.eval(asked);
    browser.until(&format!("{sessions} === {known}"));
    browser.until("document.querySelector('#losses').innerText.includes('Nothing was lost')");
    browser.until("document.querySelector('#latency').innerText.includes('p99')");
    browser.until("document.querySelectorAll('#rate .graph').length === 1");
    browser.until("document.querySelector('#events').innerText.includes('UPDATE')");
    let keepalives =
        browser.eval("document.querySelector('#events').innerText.includes('KEEPALIVE')");
    assert_eq!(keepalives, false, "left out unless asked for");
}

/// A route of a table is found by a prefix that it covers.
fn search(browser: &mut Browser) {
    let route = browser.eval(
        "(async () => { \
           const ask = (path) => fetch(path).then((answer) => answer.json()); \
           for (const one of (await ask('sessions')).sessions) \
             for (const way of one.directions) { \
               const table = way.tables.find((table) => table.afi === 1 && table.safi === 1 && table.routes); \
               if (!table) continue; \
               const query = new URLSearchParams({ session: one.session, peer: way.peer, afi: 1, safi: 1, limit: 1 }); \
               const { routes } = await ask('rib?' + query); \
               if (routes.length) return routes[0]; \
             } \
         })()",
    );
    let prefix = route["prefix"].as_str().expect("a route of IPv4");
    let fill = format!(
        "document.querySelector('#prefix').value = {}; document.querySelector('#search').requestSubmit()",
        json!(prefix)
    );
    browser.eval(&fill);
    let found = format!(
        "document.querySelector('#found tbody')?.innerText.includes({})",
        json!(prefix)
    );
    browser.until(&found);
    let path = &route["attributes"]["path_text"];
    let said = browser.eval("document.querySelector('#found').innerText");
    assert!(
        said.as_str().unwrap().contains(path.as_str().unwrap()),
        "{said}"
    );
}

fn text_stays_text(browser: &mut Browser) {
    let shown = format!(
        "document.querySelector('#events').textContent.includes({})",
        json!(HOSTILE)
    );
    browser.until(&shown);
    assert_eq!(
        browser.eval("document.title"),
        "bgptap",
        "nothing of it was run"
    );
    let markup = browser.eval("document.querySelectorAll('main script, main img').length");
    assert_eq!(markup, 0, "nothing of it is markup");
}

/// The filter is the language of `--filter`, and says what it does not understand.
fn filters(browser: &mut Browser) {
    let fill = |words: &str| {
        format!(
            "document.querySelector('#filter').value = {}; document.querySelector('#choose').requestSubmit()",
            json!(words)
        )
    };
    browser.eval(&fill("famly ipv4"));
    browser.until("document.querySelector('#refused').innerText.includes('family')");
    browser.eval(&fill("type notification"));
    browser.until("document.body.dataset.filter === 'type notification'");
    assert_eq!(
        browser.eval("document.querySelector('#refused').hidden"),
        true
    );
}

/// Nothing is wider than the screen, and the ground is dark where that is wished.
fn phone_and_dark(browser: &mut Browser, scratch: &Scratch) {
    let lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((sum, part) => sum + Number(part), 0)";
    let light = browser.eval(lightness).as_u64().unwrap();
    browser.step(&json!({"screen": [390, 844], "phone": true, "dark": true}));
    browser.until("innerWidth <= 400");
    let wide =
        browser.eval("document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(wide, 0, "no scrolling sideways");
    let dark = browser.eval(lightness).as_u64().unwrap();
    assert!(light > 600 && dark < 150, "{light} {dark}");
    let file = scratch.path("phone.png");
    browser.shot(&file);
    assert!(std::fs::read(file).unwrap().starts_with(b"\x89PNG"));
}

/// The policy names the script and the style by their hashes, so that nothing else is run or applied; the page gets
/// text into the document as text only, and nothing from elsewhere.
#[test]
fn the_policy_is_of_this_very_page() {
    if !have("python3") {
        return;
    }
    let listener = bgptap::sink::metrics::Listener::bind_for(([127, 0, 0, 1], 0).into(), "--http");
    let server = bgptap::http::serve(
        listener.unwrap(),
        bgptap::http::Desk::default(),
        bgptap::sink::stream::Hub::default(),
        bgptap::http::Status::new(std::sync::Arc::default(), "monitor".into()),
    );
    let server = server.unwrap();
    let (head, page) = fetch(server.address());
    let policy = head
        .lines()
        .find_map(|line| line.strip_prefix("content-security-policy: "))
        .unwrap();
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for element in ["script", "style"] {
        let hash = hash(&page, element);
        let source = format!("{element}-src '{hash}'");
        assert!(policy.contains(&source), "{source} is not in {policy}");
    }
    for way in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "createContextualFragment",
        "srcdoc",
        "javascript:",
        "https:",
        "src=",
        "@import",
    ] {
        assert!(!page.contains(way), "{way}");
    }
    let links = page.replace("http://www.w3.org/2000/svg", "");
    assert!(
        !links.contains("http:"),
        "nothing is fetched from elsewhere"
    );
}

/// Head and body of the page.
fn fetch(address: SocketAddr) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), page.to_owned())
}

/// Hash of what an element of the page holds, as a policy names it.
fn hash(page: &str, element: &str) -> String {
    let (_, rest) = page.split_once(&format!("<{element}>")).unwrap();
    let (held, rest) = rest.split_once(&format!("</{element}>")).unwrap();
    assert!(!rest.contains(&format!("<{element}")), "one only");
    let script = "import sys, hashlib, base64; \
                  print(base64.b64encode(hashlib.sha256(sys.stdin.buffer.read()).digest()).decode())";
    let mut python = Command::new("python3");
    python
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(held.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    format!("sha256-{}", String::from_utf8_lossy(&output.stdout).trim())
}
