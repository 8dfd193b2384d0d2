"""Other frameworks: each file is imported by its own worker only."""
