mod following;
mod reading;
mod submitting;
mod world;
