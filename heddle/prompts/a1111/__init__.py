"""Prompts as A1111's web UI reads them: weights, editing, AND, calls of networks, chunks."""
