"""What packs find in `import comfy_api`: the schema class protocol by version; all versions here are one."""
