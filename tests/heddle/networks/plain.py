"""The same nets written once more, straight from a state dict and without our layers: what ours are compared with."""

import math

import torch
import torch.nn.functional as F

State = dict[str, torch.Tensor]


def linear(state: State, name: str, x):
    y = x @ state[f"{name}.weight"].T
    return y + state[f"{name}.bias"] if f"{name}.bias" in state else y


def conv(state: State, name: str, x, stride: int = 1, padding: int | None = None):
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state[f"{name}.bias"], stride, weight.shape[-1] // 2 if padding is None else padding)


def group_norm(state: State, name: str, x, eps: float):
    grouped = x.reshape(x.shape[0], 32, -1)
    mean, var = grouped.mean(-1, keepdim=True), grouped.var(-1, keepdim=True, unbiased=False)
    normed = ((grouped - mean) / (var + eps) ** 0.5).reshape(x.shape)
    return normed * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]


def layer_norm(state: State, name: str, x):
    mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / (var + 1e-5) ** 0.5 * state[f"{name}.weight"] + state[f"{name}.bias"]


def swish(x):
    return x / (1 + torch.exp(-x))


def attention(q, k, v, heads: int, allowed=None):
    width = q.shape[-1] // heads
    parts = []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        logits = q[..., part] @ k[..., part].transpose(1, 2) / math.sqrt(width)
        if allowed is not None:
            logits = logits.masked_fill(~allowed, float("-inf"))
        parts.append(logits.softmax(-1) @ v[..., part])
    return torch.cat(parts, -1)


def unet(state: State, x, timesteps, context, vector=None, head_width=None):
    """`head_width` None: eight heads on every level."""
    width = state["time_embed.0.weight"].shape[1]
    angles = [timesteps / 10000 ** (i / (width // 2)) for i in range(width // 2)]
    time = torch.stack([torch.cos(a) for a in angles] + [torch.sin(a) for a in angles], -1)
    time = linear(state, "time_embed.2", swish(linear(state, "time_embed.0", time)))
    if vector is not None:
        time = time + linear(state, "label_emb.0.2", swish(linear(state, "label_emb.0.0", vector)))

    def transformer(name, x):
        b, c, h, w = x.shape
        y = group_norm(state, f"{name}.norm", x, 1e-6)
        is_linear = state[f"{name}.proj_in.weight"].ndim == 2
        if not is_linear:
            y = conv(state, f"{name}.proj_in", y)
        y = y.reshape(b, c, h * w).transpose(1, 2)
        if is_linear:
            y = linear(state, f"{name}.proj_in", y)
        depth = 0
        while f"{name}.transformer_blocks.{depth}.norm1.weight" in state:
            block = f"{name}.transformer_blocks.{depth}"
            for number, source in ((1, None), (2, context)):
                normed = layer_norm(state, f"{block}.norm{number}", y)
                seen = normed if source is None else source
                q, k, v = (
                    linear(state, f"{block}.attn{number}.to_{letter}", each)
                    for letter, each in (("q", normed), ("k", seen), ("v", seen))
                )
                heads = 8 if head_width is None else c // head_width
                y = y + linear(state, f"{block}.attn{number}.to_out.0", attention(q, k, v, heads))
            inner = linear(state, f"{block}.ff.net.0.proj", layer_norm(state, f"{block}.norm3", y))
            half = inner.shape[-1] // 2
            value, gate = inner[..., :half], inner[..., half:]
            gate = gate * (1 + torch.erf(gate / math.sqrt(2))) / 2
            y = y + linear(state, f"{block}.ff.net.2", value * gate)
            depth += 1
        if is_linear:
            y = linear(state, f"{name}.proj_out", y)
        y = y.transpose(1, 2).reshape(b, c, h, w)
        return x + (y if is_linear else conv(state, f"{name}.proj_out", y))

    def residual(name, x):
        y = conv(state, f"{name}.in_layers.2", swish(group_norm(state, f"{name}.in_layers.0", x, 1e-5)))
        y = y + linear(state, f"{name}.emb_layers.1", swish(time))[:, :, None, None]
        y = conv(state, f"{name}.out_layers.3", swish(group_norm(state, f"{name}.out_layers.0", y, 1e-5)))
        return y + (conv(state, f"{name}.skip_connection", x) if f"{name}.skip_connection.weight" in state else x)

    def stage(name, x, size=(0, 0)):
        part = 0
        while True:
            here = f"{name}.{part}"
            if f"{here}.in_layers.0.weight" in state:
                x = residual(here, x)
            elif f"{here}.proj_in.weight" in state:
                x = transformer(here, x)
            elif f"{here}.op.weight" in state:
                x = conv(state, f"{here}.op", x, stride=2)
            elif f"{here}.conv.weight" in state:
                rows = torch.arange(size[0]) // 2
                cols = torch.arange(size[1]) // 2
                x = conv(state, f"{here}.conv", x[:, :, rows][:, :, :, cols])
            elif f"{here}.weight" in state:
                x = conv(state, here, x)
            else:
                return x
            part += 1

    skips, number = [], 0
    while any(key.startswith(f"input_blocks.{number}.") for key in state):
        x = stage(f"input_blocks.{number}", x)
        skips.append(x)
        number += 1
    x = stage("middle_block", x)
    for number in range(len(skips)):
        x = torch.cat([x, skips.pop()], 1)
        x = stage(f"output_blocks.{number}", x, skips[-1].shape[2:] if skips else (0, 0))
    return conv(state, "out.2", swish(group_norm(state, "out.0", x, 1e-5)))


def vae_blocks(state: State):
    def residual(name, x):
        y = conv(state, f"{name}.conv1", swish(group_norm(state, f"{name}.norm1", x, 1e-6)))
        y = conv(state, f"{name}.conv2", swish(group_norm(state, f"{name}.norm2", y, 1e-6)))
        return y + (conv(state, f"{name}.nin_shortcut", x) if f"{name}.nin_shortcut.weight" in state else x)

    def middle(name, x):
        x = residual(f"{name}.block_1", x)
        y = group_norm(state, f"{name}.attn_1.norm", x, 1e-6)
        q, k, v = (conv(state, f"{name}.attn_1.{letter}", y).flatten(2).transpose(1, 2) for letter in "qkv")
        y = attention(q, k, v, 1).transpose(1, 2).reshape(x.shape)
        return residual(f"{name}.block_2", x + conv(state, f"{name}.attn_1.proj_out", y))

    def blocks(name, x):
        number = 0
        while f"{name}.{number}.conv1.weight" in state:
            x = residual(f"{name}.{number}", x)
            number += 1
        return x

    return middle, blocks


def vae_encode(state: State, x):
    middle, blocks = vae_blocks(state)
    x = conv(state, "encoder.conv_in", x)
    level = 0
    while f"encoder.down.{level}.block.0.conv1.weight" in state:
        x = blocks(f"encoder.down.{level}.block", x)
        if f"encoder.down.{level}.downsample.conv.weight" in state:
            b, c, h, w = x.shape
            wider = torch.zeros(b, c, h + 1, w + 1)
            wider[:, :, :h, :w] = x
            x = conv(state, f"encoder.down.{level}.downsample.conv", wider, stride=2, padding=0)
        level += 1
    x = swish(group_norm(state, "encoder.norm_out", middle("encoder.mid", x), 1e-6))
    x = conv(state, "encoder.conv_out", x)
    return conv(state, "quant_conv", x) if "quant_conv.weight" in state else x


def vae_decode(state: State, z):
    middle, blocks = vae_blocks(state)
    z = conv(state, "post_quant_conv", z) if "post_quant_conv.weight" in state else z
    x = middle("decoder.mid", conv(state, "decoder.conv_in", z))
    levels = len({key.split(".")[2] for key in state if key.startswith("decoder.up.")})
    for level in range(levels - 1, -1, -1):
        x = blocks(f"decoder.up.{level}.block", x)
        if level > 0:
            doubled = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
            x = conv(state, f"decoder.up.{level}.upsample.conv", doubled)
    return conv(state, "decoder.conv_out", swish(group_norm(state, "decoder.norm_out", x, 1e-6)))


def open_clip_text(state: State, tokens, skip: int = 0):
    """The same of a text encoder by OpenCLIP's names: exact gates, queries, keys and values from one matrix."""
    x = state["token_embedding.weight"][tokens] + state["positional_embedding"][: tokens.shape[1]]
    width = x.shape[-1]
    allowed = torch.tensor([[s <= t for s in range(x.shape[1])] for t in range(x.shape[1])])
    layers = len({key.split(".")[2] for key in state if key.startswith("transformer.resblocks.")})
    for number in range(layers - skip):
        layer = f"transformer.resblocks.{number}"
        y = layer_norm(state, f"{layer}.ln_1", x)
        qkv = y @ state[f"{layer}.attn.in_proj_weight"].T + state[f"{layer}.attn.in_proj_bias"]
        q, k, v = (qkv[..., part * width : (part + 1) * width] for part in range(3))
        x = x + linear(state, f"{layer}.attn.out_proj", attention(q, k, v, width // 64, allowed))
        y = linear(state, f"{layer}.mlp.c_fc", layer_norm(state, f"{layer}.ln_2", x))
        x = x + linear(state, f"{layer}.mlp.c_proj", y * (1 + torch.erf(y / math.sqrt(2))) / 2)
    return x


def clip_text(state: State, tokens, skip: int = 0):
    """The last layer's output, or the one `skip` layers before it, without the final norm."""
    at = "text_model."
    x = state[f"{at}embeddings.token_embedding.weight"][tokens]
    x = x + state[f"{at}embeddings.position_embedding.weight"][: x.shape[1]]
    allowed = torch.tensor([[s <= t for s in range(x.shape[1])] for t in range(x.shape[1])])
    layers = len({key.split(".")[3] for key in state if key.startswith(f"{at}encoder.layers.")})
    for number in range(layers - skip):
        layer = f"{at}encoder.layers.{number}"
        y = layer_norm(state, f"{layer}.layer_norm1", x)
        q, k, v = (linear(state, f"{layer}.self_attn.{letter}_proj", y) for letter in "qkv")
        x = x + linear(state, f"{layer}.self_attn.out_proj", attention(q, k, v, x.shape[-1] // 64, allowed))
        y = linear(state, f"{layer}.mlp.fc1", layer_norm(state, f"{layer}.layer_norm2", x))
        x = x + linear(state, f"{layer}.mlp.fc2", y / (1 + torch.exp(-1.702 * y)))
    return x
