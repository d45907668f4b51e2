"""Data, losses and loops: the demo model, and what trains LoRAs and their kin."""
