"""Passes over programs: each takes a program and returns one that computes the same, sooner."""
