mod blocks;
mod submission;
