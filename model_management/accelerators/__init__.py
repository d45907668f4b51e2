"""Devices with memory of their own, behind one small interface: a real one, and one that is only counted."""
