"""Texts that people write into nodes: patterns, templates, expressions, JSON; and values shown as texts. No torch."""
