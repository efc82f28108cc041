mod blocks;
mod relaying;
mod submission;
