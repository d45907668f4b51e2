"""The floor for loading a checkpoint: read every tensor's bytes, widen them to float32, keep them.

Run as `python -m benchmarks.plain_read FILE SCRATCH`; prints {"seconds", "cpu_s"}. No net, no check, and one buffer for
all bytes as they come, so that only the widened weights take new memory.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def main(file: Path) -> None:
    import torch  # heavy, and only this process measures with it

    with file.open("rb", buffering=0) as opened:
        header_bytes = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(header_bytes))
        header.pop("__metadata__", None)
        entries = sorted(header.values(), key=lambda entry: entry["data_offsets"][0])
        buffer = bytearray(max(end - begin for begin, end in (entry["data_offsets"] for entry in entries)))
        kept = []
        start, cpu_start = time.perf_counter(), time.process_time()
        for entry in entries:
            begin, end = entry["data_offsets"]
            view = memoryview(buffer)[: end - begin]
            while view:
                view = view[opened.readinto(view) :]
            dtype = {"F16": torch.float16, "F32": torch.float32}.get(entry["dtype"])
            if dtype is not None and end > begin:
                bytes_read = torch.frombuffer(buffer, dtype=torch.uint8, count=end - begin)
                kept.append(bytes_read.view(dtype).to(torch.float32, copy=True))
        seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    print(json.dumps({"seconds": seconds, "cpu_s": cpu_s, "tensors": len(kept)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
