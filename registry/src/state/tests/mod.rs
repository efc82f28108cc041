mod base;
mod decisions;
mod governance;
mod network;
mod rules;
mod sequences;
