"""The graph itself: types, nodes, programs, errors and the counter-based random generator."""
