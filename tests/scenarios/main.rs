//! Stories with the real programs. One binary, so that one sandbox serves them all; what kills a service starts its own.

mod harness;
mod interop;
mod items_1_user;
mod items_2_company;
mod items_3_ledger;
mod items_4_operation;
mod journeys;
mod privacy;
mod relay;
mod second_reader;
mod traffic;
mod trust_models;
