mod network;
mod rules;
mod sequences;
