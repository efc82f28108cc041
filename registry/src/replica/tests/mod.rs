mod blocks;
mod groups;
mod handovers;
mod opening;
mod relaying;
mod submission;
