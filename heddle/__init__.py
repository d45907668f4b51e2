"""The ground Heddle stands on: no device, no model file, no server."""
