#!/usr/bin/env python3
"""Write a deterministic random-weight .safetensors file from a list of names and shapes.

    synth_checkpoint.py shared/formats/sd15.json out.safetensors [--dtype fp16]

The list is a JSON object {"tensor.name": [dims...], ...} (see shared/formats/*.json).
Needs only the standard library and numpy. Tensors are streamed to disk, so the
peak memory is about one tensor.

Determinism: every tensor has its own stream, seeded from sha256(salt + name), made
with integer arithmetic only (splitmix64; a bell-shaped variate is the sum of the
four 16-bit parts of one 64-bit word), so the bytes are the same on any CPU and
with any numpy version. Adding or removing one tensor does not change the others.

Values, chosen so that activations stay finite through a whole network:
  2-D and higher "weight"         std = gain / sqrt(fan_in); gain 1 (see --gain)
  token/position embeddings       std 0.02 / 0.01
  in_proj_weight, text_projection std = 1 / sqrt(fan_in)
  ControlNet zero_convs,
  middle_block_out                std = 0.1 / sqrt(fan_in)
  an image decoder's last conv    std = 0.2 / sqrt(fan_in), so that few pixels clip
  1-D "weight" (norms)            1 (+ jitter)
  1-D "bias" and other 1-D        0 (+ jitter)
  logit_scale                     4.6052
  *position_ids                   0..n-1 as int64
--jitter J adds J * bell to every 1-D tensor: with J > 0 (0.05, say) a loader that
mixes up two biases or two norms gives another picture, with J = 0 it does not.
--set REGEX=STD gives the matching tensors mean 0 and that std, e.g. for a
v-prediction SD 2.x file, which some loaders tell from an epsilon file by the spread
of one norm bias:
    --set 'output_blocks\\.11\\.1\\.transformer_blocks\\.0\\.norm1\\.bias$=0.2'
--only REGEX / --strip PREFIX write a part (a UNet alone, a VAE alone).
--alias FILE is a JSON object {name: other name}: a tensor gets the values of the
other name, so that the same weights can be written in two layouts (shared/formats/
esrgan_x4.alias.json maps both newer ESRGAN layouts to the old one: all three files
must upscale to the same picture).

The last line printed is the sha256 of the file.
"""

import argparse
import hashlib
import json
import math
import re
import struct
import sys

import numpy as np

DTYPES = {"fp32": ("F32", 4), "fp16": ("F16", 2), "bf16": ("BF16", 2)}
CHUNK = 1 << 20
GOLDEN = 0x9E3779B97F4A7C15
U = np.uint64


def words(seed, start, n):
    """splitmix64 outputs number start .. start+n-1 of the stream `seed`."""
    with np.errstate(over="ignore"):
        z = np.arange(start + 1, start + n + 1, dtype=np.uint64)
        z *= U(GOLDEN)
        z += U(seed)
        z ^= z >> U(30)
        z *= U(0xBF58476D1CE4E5B9)
        z ^= z >> U(27)
        z *= U(0x94D049BB133111EB)
        z ^= z >> U(31)
    return z


def bell(seed, start, n):
    """float32, mean 0, variance 1, within about +-3.46; exact on every machine."""
    z = words(seed, start, n)
    m = U(0xFFFF)
    s = z & m
    for shift in (16, 32, 48):
        s += (z >> U(shift)) & m
    s = s.astype(np.int32)
    s -= 131070  # 4 * 65535 / 2
    # variance of the sum of four uniform 16-bit integers: 4 * (65536^2 - 1) / 12
    return s.astype(np.float32) * np.float32(1.0 / math.sqrt(4 * (65536.0**2 - 1) / 12))


def encode(x, dtype):
    if dtype == "F32":
        return x.astype("<f4").tobytes()
    if dtype == "F16":
        return x.astype("<f2").tobytes()
    b = x.astype("<f4").view("<u4")  # bf16: round to nearest even
    b = (b + np.uint32(0x7FFF) + ((b >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
    return b.astype("<u2").tobytes()


ZERO_CONV = re.compile(r"(zero_convs\.|middle_block_out\.)")
# SD VAE / ESRGAN old, new / TAESD decoder
LAST_CONV = re.compile(r"(decoder\.conv_out|^conv_last|^model\.10|^18)\.weight$")


def plan(name, shape, args, overrides):
    """(mean, std) for a tensor."""
    for rx, std in overrides:
        if rx.search(name):
            return 0.0, std
    if name.endswith("logit_scale"):
        return 4.6052, 0.0
    if name.endswith("token_embedding.weight"):
        return 0.0, 0.02
    if name.endswith(("position_embedding.weight", "positional_embedding")):
        return 0.0, 0.01
    if len(shape) >= 2:
        if name.endswith("text_projection"):  # used as x @ p
            fan = shape[0]
        else:
            fan = int(np.prod(shape[1:]))
        gain = 0.1 if ZERO_CONV.search(name) else 0.2 if LAST_CONV.search(name) else args.gain
        return 0.0, gain / math.sqrt(max(fan, 1))
    if name.endswith("weight"):
        return 1.0, args.jitter
    return 0.0, args.jitter


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("shapes")
    ap.add_argument("out")
    ap.add_argument("--dtype", choices=sorted(DTYPES), default="fp16")
    ap.add_argument("--salt", default="")
    ap.add_argument("--gain", type=float, default=1.0)
    ap.add_argument("--jitter", type=float, default=0.0)
    ap.add_argument("--set", action="append", default=[], metavar="REGEX=STD")
    ap.add_argument("--only", metavar="REGEX")
    ap.add_argument("--strip", default="", metavar="PREFIX")
    ap.add_argument("--alias", metavar="FILE")
    ap.add_argument("--metadata", action="append", default=[], metavar="KEY=VALUE")
    args = ap.parse_args()
    overrides = []
    for item in args.set:
        rx, std = item.rsplit("=", 1)
        overrides.append((re.compile(rx), float(std)))

    with open(args.shapes) as f:
        shapes = json.load(f)
    if args.only:
        rx = re.compile(args.only)
        shapes = {k: v for k, v in shapes.items() if rx.search(k)}
    if not shapes:
        sys.exit("no tensor matches")
    alias = {}
    if args.alias:
        with open(args.alias) as f:
            alias = json.load(f)
    code, size = DTYPES[args.dtype]

    header, offset, total = {}, 0, 0
    if args.metadata:
        header["__metadata__"] = dict(m.split("=", 1) for m in args.metadata)
    for name in sorted(shapes):
        shape = shapes[name]
        n = int(np.prod(shape, dtype=np.int64)) if shape else 1
        ids = name.endswith("position_ids")
        nbytes = n * (8 if ids else size)
        key = name[len(args.strip) :] if args.strip and name.startswith(args.strip) else name
        header[key] = {"dtype": "I64" if ids else code, "shape": shape, "data_offsets": [offset, offset + nbytes]}
        offset += nbytes
        total += n
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)

    digest = hashlib.sha256()
    with open(args.out, "wb") as f:

        def put(b):
            f.write(b)
            digest.update(b)

        put(struct.pack("<Q", len(head)))
        put(head)
        for name in sorted(shapes):
            shape = shapes[name]
            n = int(np.prod(shape, dtype=np.int64)) if shape else 1
            if name.endswith("position_ids"):
                put((np.arange(n, dtype="<i8") % shape[-1]).astype("<i8").tobytes())
                continue
            source = alias.get(name, name)
            mean, std = plan(source, shape, args, overrides)
            seed = int.from_bytes(hashlib.sha256((args.salt + source).encode()).digest()[:8], "little")
            for start in range(0, n, CHUNK):
                k = min(CHUNK, n - start)
                if std:
                    x = bell(seed, start, k)
                    x *= np.float32(std)
                    if mean:
                        x += np.float32(mean)
                else:
                    x = np.full(k, mean, dtype=np.float32)
                put(encode(x, code))
    print(f"{args.out}: {len(shapes)} tensors, {total} values, {8 + len(head) + offset} bytes")
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
