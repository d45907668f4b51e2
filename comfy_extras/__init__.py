"""A name that packs look for; its nodes are among the built-in ones."""
