//! A deterministic device in memory.
