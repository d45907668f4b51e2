"""Files that people see and hear, in and out, with their metadata. No tensors: arrays of numpy."""
