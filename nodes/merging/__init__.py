"""Models and text encoders made of others, and checkpoints written."""
