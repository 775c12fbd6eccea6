//! Questions over HTTP, as a program asks them.
#![allow(unreachable_pub, reason = "a module of each test that names it")]

use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// The status of the answer, and its body if that is JSON.
pub fn get(address: SocketAddr, host: &str, path: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

/// The answer to a question that must have one.
pub fn one(address: SocketAddr, path: &str) -> Value {
    let (status, value) = get(address, "localhost", path);
    assert_eq!(status, 200, "{path}");
    value
}
