mod blocks;
mod groups;
mod relaying;
mod submission;
