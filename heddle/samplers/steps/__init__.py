"""One file per kin of samplers; `heddle.samplers.catalogue` lists them."""
