//! Messages and events as JSON lines (serde views, no owned copies).
