//! Borrowed views of BGP messages.
