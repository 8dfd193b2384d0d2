"""Lamina beside other frameworks: the same work, in the same run, with the same weights and data.

Every contender runs in a process of its own (`worker`), driven by its parent (`process`). The
parent first compares what they compute (`agreement`), then lets them take turns (`rounds`), and
writes what it found (`report`). Other frameworks are imported in `rivals` only, and only there.
"""
