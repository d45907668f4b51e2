"""The transformers written once more, straight from a state dict: every attention as a sum, every turn as a matrix."""

import math

import torch

from tests.heddle.networks.plain import State, linear, swish


def norm(x):
    return (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-6) ** 0.5


def root_norm(x, weight):
    return x / (x.square().mean(-1, keepdim=True) + 1e-6) ** 0.5 * weight


def soft_gelu(x):
    return x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def waves(times, width: int = 256):
    angles = [times / 10000 ** (i / (width // 2)) for i in range(width // 2)]
    return torch.stack([torch.cos(a) for a in angles] + [torch.sin(a) for a in angles], -1)


def look(q, k, v, scale: float, bias: torch.Tensor | float = 0.0):
    """q, k, v: [B, T, heads, d] -> [B, T, heads * d]."""
    likeness = torch.einsum("bthd,bshd->bhts", q, k) * scale + bias
    return torch.einsum("bhts,bshd->bthd", likeness.softmax(-1), v).flatten(2)


def heads_of(x, width: int):
    return x.reshape(*x.shape[:2], -1, width)


def turn_matrix(place: list[float], widths: list[int]):
    """[d, d]: one 2 x 2 rotation for each pair of a head's numbers."""
    blocks = []
    for where, width in zip(place, widths, strict=True):
        for pair in range(width // 2):
            angle = where / 10000 ** (2 * pair / width)
            blocks.append(torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]))
    return torch.block_diag(*blocks)


def patch_numbers(x, side: int, channels_last: bool = False):
    """[B, C, h, w] -> [B, T, numbers], read one by one; cells beyond an end are those at the other side."""
    b, _, h, w = x.shape
    tokens = []
    for top in range(0, h, side):
        for left in range(0, w, side):
            cells = [[x[:, :, (top + i) % h, (left + j) % w] for j in range(side)] for i in range(side)]
            if channels_last:
                tokens.append(torch.cat([cell for row in cells for cell in row], -1))
            else:
                tokens.append(torch.stack([cell for row in cells for cell in row], -1).reshape(b, -1))
    return torch.stack(tokens, 1)


def picture(tokens, h: int, w: int, side: int, channels_last: bool = False):
    b, _, numbers = tokens.shape
    c = numbers // side**2
    out = torch.zeros(b, c, h, w)
    columns = math.ceil(w / side)
    for y in range(h):
        for x in range(w):
            token = tokens[:, (y // side) * columns + x // side]
            shape = (b, side, side, c) if channels_last else (b, c, side, side)
            cells = token.reshape(shape)
            i, j = y % side, x % side
            out[:, :, y, x] = cells[:, i, j] if channels_last else cells[:, :, i, j]
    return out


def count(state: State, prefix: str) -> int:
    return len({key.removeprefix(prefix).split(".")[0] for key in state if key.startswith(prefix)})


def flux(
    state: State,
    x,
    timesteps,
    context,
    vector,
    guidance=None,
    reference_places=(),
    references=(),
    are_clean: object = False,
):
    """reference_places: of each reference, the place of its first patch: number, row, column.

    are_clean: references are moved as at time 0.
    """
    width = state["img_in.weight"].shape[0]

    def embed(name, y):
        return linear(state, f"{name}.out_layer", swish(linear(state, f"{name}.in_layer", y)))

    def time_at(steps):
        time = embed("time_in", waves(1000 * steps)) + embed("vector_in", vector)
        return time if guidance is None else time + embed("guidance_in", waves(1000 * guidance))

    own, later = (sum(patch_numbers(each, 2).shape[1] for each in some) for some in ((x,), references))

    def moves(name):
        numbers = linear(state, name, swish(time_at(timesteps)))[:, None]
        if are_clean and name.endswith(("img_mod.lin", ".modulation.lin")):
            before = own if "img_mod" in name else context.shape[1] + own
            clean = linear(state, name, swish(time_at(0 * timesteps)))[:, None]
            numbers = torch.cat([numbers.expand(-1, before, -1), clean.expand(-1, later, -1)], 1)
        return numbers.split(width, -1)

    return flux_blocks(state, x, context, moves, reference_places, references)


def chroma(state: State, x, timesteps, context, guidance):
    asked = "distilled_guidance_layer"
    told = torch.cat([waves(1000 * timesteps, 16), waves(1000 * guidance, 16)], -1)
    numbers = waves(1000.0 * torch.arange(344), 32)
    y = torch.stack([torch.cat([told, numbers[i].expand(len(told), -1)], -1) for i in range(344)], 1)
    y = linear(state, f"{asked}.in_proj", y)
    for number in range(count(state, f"{asked}.layers.")):
        inner = linear(state, f"{asked}.layers.{number}.in_layer", root_norm(y, state[f"{asked}.norms.{number}.scale"]))
        y = y + linear(state, f"{asked}.layers.{number}.out_layer", swish(inner))
    vectors = linear(state, f"{asked}.out_proj", y)
    doubles, singles = count(state, "double_blocks."), count(state, "single_blocks.")

    def moves(name):
        kind, number, layer = name.split(".")[:3]
        if kind == "final_layer":
            first, size = 342, 2
        elif kind == "single_blocks":
            first, size = 3 * int(number), 3
        else:
            first, size = 3 * singles + 6 * int(number) + (6 * doubles if layer == "txt_mod" else 0), 6
        return [vectors[:, first + i, None] for i in range(size)]

    return flux_blocks(state, x, context, moves)


def flux_blocks(state: State, x, context, moves, reference_places=(), references=()):
    head = state["double_blocks.0.img_attn.norm.query_norm.scale"].shape[0]
    width = state["img_in.weight"].shape[0]
    text = linear(state, "txt_in", context)
    image = linear(state, "img_in", torch.cat([patch_numbers(each, 2) for each in (x, *references)], 1))
    first = head // 8
    widths = [first, (head - first) // 2, (head - first) // 2]
    places = [[0, 0, 0]] * text.shape[1]
    for grid, (number, top, left) in zip((x, *references), ((0, 0, 0), *reference_places), strict=True):
        rows, columns = math.ceil(grid.shape[2] / 2), math.ceil(grid.shape[3] / 2)
        places = places + [[number, top + row, left + column] for row in range(rows) for column in range(columns)]
    turn = torch.stack([turn_matrix(place, widths) for place in places])

    def turned_parts(qkv, name):
        q, k, v = (heads_of(each, head) for each in qkv.split(width, -1))
        q = root_norm(q, state[f"{name}.norm.query_norm.scale"])
        k = root_norm(k, state[f"{name}.norm.key_norm.scale"])
        return q, k, v

    def look_turned(q, k, v):
        q, k = (torch.einsum("tij,bthj->bthi", turn, each) for each in (q, k))
        return look(q, k, v, head**-0.5)

    length = text.shape[1]
    for number in range(count(state, "double_blocks.")):
        at = f"double_blocks.{number}."
        im, tm = moves(f"{at}img_mod.lin"), moves(f"{at}txt_mod.lin")
        iq = turned_parts(linear(state, f"{at}img_attn.qkv", norm(image) * (1 + im[1]) + im[0]), f"{at}img_attn")
        tq = turned_parts(linear(state, f"{at}txt_attn.qkv", norm(text) * (1 + tm[1]) + tm[0]), f"{at}txt_attn")
        seen = look_turned(*(torch.cat(pair, 1) for pair in zip(tq, iq, strict=True)))
        out = []
        for y, m, part, word in ((text, tm, seen[:, :length], "txt"), (image, im, seen[:, length:], "img")):
            y = y + m[2] * linear(state, f"{at}{word}_attn.proj", part)
            inner = soft_gelu(linear(state, f"{at}{word}_mlp.0", norm(y) * (1 + m[4]) + m[3]))
            out.append(y + m[5] * linear(state, f"{at}{word}_mlp.2", inner))
        text, image = out
    y = torch.cat([text, image], 1)
    for number in range(count(state, "single_blocks.")):
        at = f"single_blocks.{number}"
        m = moves(f"{at}.modulation.lin")
        both = linear(state, f"{at}.linear1", norm(y) * (1 + m[1]) + m[0])
        seen = look_turned(*turned_parts(both[..., : 3 * width], at))
        y = y + m[2] * linear(state, f"{at}.linear2", torch.cat([seen, soft_gelu(both[..., 3 * width :])], -1))
    shift, scale = moves("final_layer.adaLN_modulation.1")
    own = math.ceil(x.shape[2] / 2) * math.ceil(x.shape[3] / 2)
    image = y[:, length : length + own]
    numbers = linear(state, "final_layer.linear", norm(image) * (1 + scale) + shift)
    return picture(numbers, x.shape[2], x.shape[3], 2)


def mmdit(state: State, x, timesteps, context, vector):
    width, _, side, _ = state["x_embedder.proj.weight"].shape

    def embed(name, y):
        return linear(state, f"{name}.mlp.2", swish(linear(state, f"{name}.mlp.0", y)))

    time = embed("t_embedder", waves(timesteps)) + embed("y_embedder", vector)

    def moves(name):
        return linear(state, f"{name}.adaLN_modulation.1", swish(time))[:, None].split(width, -1)

    def split(name, y):
        q, k, v = (heads_of(each, 64) for each in linear(state, f"{name}.qkv", y).split(width, -1))
        if f"{name}.ln_q.weight" in state:
            q, k = root_norm(q, state[f"{name}.ln_q.weight"]), root_norm(k, state[f"{name}.ln_k.weight"])
        return q, k, v

    def think(name, y):
        return linear(state, f"{name}.fc2", soft_gelu(linear(state, f"{name}.fc1", y)))

    kernel = state["x_embedder.proj.weight"].flatten(1)
    rows, columns = math.ceil(x.shape[2] / side), math.ceil(x.shape[3] / side)
    table = math.isqrt(state["pos_embed"].shape[1])
    top, left = (table - rows) // 2, (table - columns) // 2
    places = [(top + i) * table + left + j for i in range(rows) for j in range(columns)]
    image = patch_numbers(x, side) @ kernel.T + state["x_embedder.proj.bias"] + state["pos_embed"][:, places]
    text = linear(state, "context_embedder", context)
    length = text.shape[1]
    for number in range(count(state, "joint_blocks.")):
        at = f"joint_blocks.{number}."
        im, tm = moves(f"{at}x_block"), moves(f"{at}context_block")
        parts = split(f"{at}x_block.attn", norm(image) * (1 + im[1]) + im[0])
        text_parts = split(f"{at}context_block.attn", norm(text) * (1 + tm[1]) + tm[0])
        seen = look(*(torch.cat(pair, 1) for pair in zip(text_parts, parts, strict=True)), 1 / 8)
        new = image + im[2] * linear(state, f"{at}x_block.attn.proj", seen[:, length:])
        if len(im) == 9:
            alone = look(*split(f"{at}x_block.attn2", norm(image) * (1 + im[7]) + im[6]), 1 / 8)
            new = new + im[8] * linear(state, f"{at}x_block.attn2.proj", alone)
        image = new + im[5] * think(f"{at}x_block.mlp", norm(new) * (1 + im[4]) + im[3])
        if len(tm) == 6:
            text = text + tm[2] * linear(state, f"{at}context_block.attn.proj", seen[:, :length])
            text = text + tm[5] * think(f"{at}context_block.mlp", norm(text) * (1 + tm[4]) + tm[3])
    shift, scale = moves("final_layer")
    numbers = linear(state, "final_layer.linear", norm(image) * (1 + scale) + shift)
    return picture(numbers, x.shape[2], x.shape[3], side, channels_last=True)


def t5(state: State, tokens, allowed=None):
    x = state["shared.weight"][tokens]
    length = tokens.shape[1]
    bias, heads = torch.zeros(1), 1
    blocks = "encoder.block."
    for number in range(count(state, blocks)):
        at, mlp = f"{blocks}{number}.layer.0", f"{blocks}{number}.layer.1"
        key = f"{at}.SelfAttention.relative_attention_bias.weight"
        if key in state:
            table = state[key]
            kinds, heads = table.shape
            bias = torch.zeros(1, heads, length, length)
            for t in range(length):
                for s in range(length):
                    bias[0, :, t, s] = table[distance_kind(s - t, kinds)]
            if allowed is not None:
                bias = bias.masked_fill(~allowed[:, None, None], float("-inf"))
        y = root_norm(x, state[f"{at}.layer_norm.weight"])
        q, k, v = (linear(state, f"{at}.SelfAttention.{letter}", y) for letter in "qkv")
        q, k, v = (heads_of(each, each.shape[-1] // heads) for each in (q, k, v))
        x = x + linear(state, f"{at}.SelfAttention.o", look(q, k, v, 1.0, bias))
        y, dense = root_norm(x, state[f"{mlp}.layer_norm.weight"]), f"{mlp}.DenseReluDense"
        if f"{dense}.wi.weight" in state:
            inner = linear(state, f"{dense}.wi", y).clamp(min=0)
        else:
            inner = soft_gelu(linear(state, f"{dense}.wi_0", y)) * linear(state, f"{dense}.wi_1", y)
        x = x + linear(state, f"{dense}.wo", inner)
    return root_norm(x, state["encoder.final_layer_norm.weight"])


def distance_kind(ahead: int, kinds: int) -> int:
    half = kinds // 2
    side, far = (half, ahead) if ahead > 0 else (0, -ahead)
    if far < half // 2:
        return side + far
    span = math.floor(math.log(far / (half // 2)) / math.log(128 / (half // 2)) * (half - half // 2))
    return side + min(half - 1, half // 2 + span)


def auraflow(state: State, x, timesteps, context):
    def whole(values):
        return (values - values.mean(-1, keepdim=True)) / (values.var(-1, keepdim=True, unbiased=False) + 1e-5) ** 0.5

    def layer(name: str, values):
        return values @ state[f"{name}.weight"].T

    def heads(name: str, letter: str, values):
        return heads_of(layer(f"{name}.attn.{letter}", values), 256)

    def mlp(name: str, values):
        return layer(f"{name}.c_proj", swish(layer(f"{name}.c_fc1", values)) * layer(f"{name}.c_fc2", values))

    def finish(row, seen, moves, name: str):
        after = whole(row + moves[2] * seen)
        return row + moves[5] * mlp(name, after * (1 + moves[4]) + moves[3])

    b, _, h, w = x.shape
    time = waves(1000 * timesteps).float()
    time = linear(state, "t_embedder.mlp.2", swish(linear(state, "t_embedder.mlp.0", time)))[:, None]
    size = math.isqrt(state["positional_encoding"].shape[1])
    table = state["positional_encoding"].reshape(size, size, -1)
    rows, columns = math.ceil(h / 2), math.ceil(w / 2)
    if (wanted := max(rows, columns)) > size:
        table = torch.nn.functional.interpolate(table.permute(2, 0, 1)[None], (wanted, wanted), mode="bilinear")[0]
        table, size = table.permute(1, 2, 0), wanted
    top, left = (size - rows) // 2, (size - columns) // 2
    image = linear(state, "init_x_linear", patch_numbers(x, 2))
    image = image + table[top : top + rows, left : left + columns].reshape(rows * columns, -1)
    text = torch.cat([state["register_tokens"].repeat(b, 1, 1), layer("cond_seq_linear", context)], 1)
    length = text.shape[1]

    for number in range(count(state, "double_layers.")):
        name = f"double_layers.{number}"
        of_text, of_image = (layer(f"{name}.mod{letter}.1", swish(time)).chunk(6, -1) for letter in "CX")
        c = whole(text) * (1 + of_text[1]) + of_text[0]
        i = whole(image) * (1 + of_image[1]) + of_image[0]
        q, k, v = (torch.cat([heads(name, f"w1{each}", c), heads(name, f"w2{each}", i)], 1) for each in "qkv")
        seen = look(whole(q), whole(k), v, 1 / 16)
        text = finish(text, layer(f"{name}.attn.w1o", seen[:, :length]), of_text, f"{name}.mlpC")
        image = finish(image, layer(f"{name}.attn.w2o", seen[:, length:]), of_image, f"{name}.mlpX")
    row = torch.cat([text, image], 1)
    for number in range(count(state, "single_layers.")):
        name = f"single_layers.{number}"
        moves = layer(f"{name}.modCX.1", swish(time)).chunk(6, -1)
        own = whole(row) * (1 + moves[1]) + moves[0]
        q, k, v = (heads(name, f"w1{each}", own) for each in "qkv")
        row = finish(row, layer(f"{name}.attn.w1o", look(whole(q), whole(k), v, 1 / 16)), moves, f"{name}.mlp")
    shift, scale = layer("modF.1", swish(time)).chunk(2, -1)
    return picture(layer("final_linear", row[:, length:] * (1 + scale) + shift), h, w, 2, channels_last=True)
