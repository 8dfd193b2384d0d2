"""What others hide: every number of a network, and where it comes from."""
