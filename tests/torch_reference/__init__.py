"""Lamina compared with PyTorch: live where it is installed, with recorded answers elsewhere.

A case (`case.py`) is pure data; `cases/` generates them by family. A side (`side.py`) answers cases
with arrays: outputs, gradients, forward-mode tangents, parameters after optimiser steps, learning
rates. Inputs are regenerated from each case's id (`data.py`), and answers are reduced to norms and
random projections (`answer.py`), so the record `answers.zip` stays small.

After changing cases, with PyTorch installed: `python -m tests.torch_reference.record`.
"""
