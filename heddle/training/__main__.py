"""`python -m heddle.training [FOLDER]`: the same as `main.py train-demo`."""

import sys

from heddle.training.command import train_demo

if __name__ == "__main__":
    sys.exit(train_demo())
