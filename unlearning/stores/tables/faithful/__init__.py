"""Copies of tables without some of their rows, in which everything else reads as before."""
