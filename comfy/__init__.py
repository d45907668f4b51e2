"""What packs find in `import comfy`: each module passes on to a room of the house."""
