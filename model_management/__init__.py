"""Weights: where they lie, what they cost, what changes them."""
