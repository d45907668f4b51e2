"""What an input, a node and a workflow are, and the errors. No torch here."""
