"""Chroma 1."""
