"""Weights larger than the memory they may take: which parts of a model are there, and when."""
