//! What several routers' answers have in common.

use serde_json::Value;

/// A list of texts, sorted.
pub(crate) fn list(values: &Value, text: impl Fn(&str) -> String) -> Vec<String> {
    let values = values.as_array().into_iter().flatten();
    let mut list: Vec<_> = values.filter_map(Value::as_str).map(text).collect();
    list.sort();
    list
}

/// FRR and OpenBGPD name the communities of RFC 1997 and RFC 3765.
pub(crate) fn number_of(community: &str) -> String {
    match community {
        "noExport" | "NO_EXPORT" => "65535:65281".into(),
        "noAdvertise" | "NO_ADVERTISE" => "65535:65282".into(),
        "localAs" | "NO_EXPORT_SUBCONFED" => "65535:65283".into(),
        "noPeer" | "NO_PEER" => "65535:65284".into(),
        numbers => numbers.into(),
    }
}
