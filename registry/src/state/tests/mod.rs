mod base;
mod decisions;
mod entries;
mod governance;
mod network;
mod rules;
mod sequences;
