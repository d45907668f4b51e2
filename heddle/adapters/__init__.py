"""What changes a net's weights: the arithmetic of adapters, the names in their files, and merges."""
