"""The schema class protocol: what packs declare their nodes with, and how it is read. `comfy_api` is its door."""
