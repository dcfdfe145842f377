//! Not written yet.
mod host;
