//! Routes from captures and tests of other projects.
