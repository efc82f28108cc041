mod reading;
mod submitting;
mod world;
