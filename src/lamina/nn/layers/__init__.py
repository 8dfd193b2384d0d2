"""The layers and losses, a small file for each kind."""
