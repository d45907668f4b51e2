"""Tests of the house itself: how it is set up and started, and the rules that hold in every room."""
