//! The page at `/`: one file, which asks for `/status`, `/sessions`, `/rib` and `/events`.

use axum::http::header;
use axum::response::{IntoResponse, Response};

const PAGE: &str = include_str!("page.html");

/// Hashes of what stands between `<script>` and `<style>` and their ends: that and nothing else is run and
/// applied, whatever else might get into the page (CSP Level 3 §2.3.1).
const SCRIPT: &str = "sha256-khfVKR6Uvjwp4Y0kG3ZVmEHxZ/AY4YjJyJwJXf6vAQo=";
const STYLE: &str = "sha256-Ps5VyiVOj6mBgSdeFCcKq1bmN1n14etYhVWZ5sYbp78=";

/// It may talk to where it came from, and to nobody else.
fn policy() -> String {
    format!(
        "default-src 'none'; script-src '{SCRIPT}'; style-src '{STYLE}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
}

pub(super) async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    (headers, PAGE).into_response()
}
