mod blocks;
mod groups;
mod handovers;
mod relaying;
mod submission;
