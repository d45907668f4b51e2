"""Golden numbers: what nets, samplers and prompts must compute, and the command that checks it.

`python -m tests.golden DIR [--formats DIR] [--cache FOLDER] [--only GLOB]`; how to add a kind of set is said in
README.md.
"""
