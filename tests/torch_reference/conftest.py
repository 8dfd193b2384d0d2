"""Modules that need PyTorch are not searched for doctests, because it may not be installed."""

collect_ignore = ["torch_side.py", "torch_models.py", "record.py"]
