"""What packs find in `import comfy_execution`: graphs, where a call stands, progress. No torch here."""
