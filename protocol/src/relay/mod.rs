//! Cells: how an outcome reaches the ledger without anyone seeing which member it came from (`specs/relay.md`).
//!
//! In every slot each member's node sends the same number of [cells](seal_cell) of one size, most of them empty, into a
//! [cascade](cascade()) of other members' nodes. Each node of the cascade takes one layer of encryption off all cells of the
//! slot and shuffles them; the last one finds the records. Whoever holds fewer keys than the cascade has nodes cannot follow
//! a cell from its member to its record.

mod cascade;
mod cell;
mod key;

pub use cascade::{cascade, faults_tolerated, hops};
pub use cell::{
    CONTENT_BYTES_MAX, CellError, Place, cell_bytes, open_cell, read_content, seal_cell,
};
pub use key::{relay_key, relay_public_key};
