"""Freed memory is there again at once, and goes back to the system when asked."""

from __future__ import annotations

import subprocess
import sys

import pytest

from model_management.allocator import _glibc

# Memory is taken without torch, whose import would leave more behind than is measured here.
PROGRAM = """
import resource
from model_management.allocator import give_back, keep_freed_memory
keep_freed_memory()

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

start = resident()
bytearray(100 << 20)  # as a step takes it and lets it go
before = faults()
for _ in range(5):
    bytearray(100 << 20)
print(faults() - before)
kept = resident() - start
give_back()
print(kept, resident() - start)
"""


@pytest.mark.skipif(_glibc() is None, reason="only glibc is set up")
def test_memory_is_kept_between_steps_and_given_back_when_asked() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    faults, kept, left = map(int, done.stdout.split())
    assert faults < 1000  # five times 100 MB anew would be 128,000 pages, or 250 huge ones with all else
    assert kept > 50 << 20
    assert left < 20 << 20
