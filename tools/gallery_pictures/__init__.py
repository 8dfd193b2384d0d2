"""What `tools/gallery.py` draws: a module a topic, each with a TITLE and a list of PICTURES."""
