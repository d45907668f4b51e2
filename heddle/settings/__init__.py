"""Options and folders: read once, then frozen. No torch, and nothing of the house above."""
