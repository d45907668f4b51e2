"""Lumina Image 2."""
