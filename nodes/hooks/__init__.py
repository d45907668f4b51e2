"""Nodes of the menu "advanced/hooks": LoRAs that act on some conditionings only, at strengths that change in a run."""
