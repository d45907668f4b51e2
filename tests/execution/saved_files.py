"""Short ways to write saved workflows, and a catalogue of nodes as another server answers it."""

from __future__ import annotations

from typing import Any

from execution.convert import to_prompt
from heddle.graph.registry import Registry

UPLOAD = {"image_upload": True}
CRF = {"crf": ["FLOAT", {"default": 23.0}], "space": ["COMBO", {"options": ["auto", "sRGB"]}]}
ENCODING = {"options": [{"key": "auto", "inputs": {}}, {"key": "again", "inputs": {"required": CRF}}]}
CODEC = {
    "options": [
        {"key": "auto", "inputs": {"required": {}}},
        {"key": "h264", "inputs": {"optional": {"encoding": ["COMFY_DYNAMICCOMBO_V3", ENCODING]}}},
    ]
}
IMAGES = {"template": {"input": {"required": {"image": ["IMAGE", {}]}}, "prefix": "image", "min": 1, "max": 9}}

CATALOGUE: dict[str, Any] = {
    id: {"input": {"required": required, "optional": optional}, "output": outputs, "name": id}
    for id, required, optional, outputs in (
        ("Load", {"name": ["STRING", {"default": "x"}]}, {}, ["MODEL", "CLIP"]),
        (
            "Lora",
            {"model": ["MODEL"], "clip": ["CLIP"], "strength": ["FLOAT", {"default": 1.0}]},
            {},
            ["MODEL", "CLIP"],
        ),
        (
            "Sample",
            {
                "model": ["MODEL"],
                "seed": ["INT", {"default": 0}],
                "steps": ["INT", {"default": 20}],
                "sampler": [["euler", "heun"], {}],
                "latent": ["LATENT"],
            },
            {},
            ["LATENT"],
        ),
        ("Empty", {"width": ["INT", {"default": 512}]}, {}, ["LATENT"]),
        ("Decode", {"samples": ["LATENT"]}, {}, ["IMAGE"]),
        ("Save", {"images": ["IMAGE"], "filename_prefix": ["STRING", {"default": "out"}]}, {}, []),
        ("Encode", {"text": ["STRING", {"multiline": True, "dynamicPrompts": True}], "clip": ["CLIP"]}, {}, ["COND"]),
        ("Picture", {"image": [["a.png", "b.png"], UPLOAD]}, {"note": ["STRING", {"default": "-"}]}, ["IMAGE"]),
        ("Upscale", {"image": ["IMAGE"], "scale": ["FLOAT,INT", {"default": 2}]}, {}, ["IMAGE"]),
        ("Forced", {"a": ["INT", {"forceInput": True}], "b": ["INT", {"default": 1}]}, {}, ["INT"]),
        ("Video", {"codec": ["COMFY_DYNAMICCOMBO_V3", CODEC], "after": ["STRING", {"default": "z"}]}, {}, []),
        ("Batch", {"images": ["COMFY_AUTOGROW_V3", IMAGES], "how": [["one", "two"], {}]}, {}, ["IMAGE"]),
        ("Switch", {"on": ["BOOLEAN"], "yes": ["COMFY_MATCHTYPE_V3", {}]}, {}, ["COMFY_MATCHTYPE_V3"]),
        ("Curve", {"curve": ["CURVE", {"default": {"points": []}}], "color": ["COLOR", {"default": "#fff"}]}, {}, []),
        ("Box", {"box": ["BOUNDING_BOX", {}], "view": ["LOAD_3D", {}], "cam": ["WEBCAM", {}]}, {}, []),
        ("Compare", {"compare_view": ["IMAGECOMPARE", {"socketless": True}], "view": ["LOAD_3D"]}, {}, []),
        ("CustomCombo", {"choice": ["COMBO", {"options": []}]}, {}, ["STRING", "INT"]),
        ("Pick", {"word": [["p", "q"], {"control_after_generate": True}], "sure": ["BOOLEAN", {}]}, {}, []),
        ("Named", {"n": ["INT", {"control_after_generate": "n_control"}], "size": ["INT", {"min": 8}]}, {}, []),
        ("Still", {"seed": ["INT", {"control_after_generate": False}], "how": [["fixed", "x"], {}]}, {}, []),
    )
}


def registry() -> Registry:
    return Registry.from_catalogue(CATALOGUE)


def slot(name: str, kind: str = "*", link: Any = None, widget: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "link": link} | ({"widget": {"name": name}} if widget else {})


def node(id: Any, kind: str, *inputs: Any, values: Any = None, outs: Any = (), **more: Any) -> dict[str, Any]:
    """A node; an output is "NAME", of the type NAME."""
    outputs = [{"name": each, "type": each, "links": []} for each in outs]
    found = {"id": id, "type": kind, "inputs": list(inputs), "outputs": outputs, **more}
    return found if values is None else found | {"widgets_values": values}


def saved(*nodes: Any, links: Any = (), subgraphs: Any = (), **more: Any) -> dict[str, Any]:
    definitions = {"definitions": {"subgraphs": list(subgraphs)}} if subgraphs else {}
    return {"version": 0.4, "nodes": list(nodes), "links": list(links), **definitions, **more}


def subgraph(id: str, *nodes: Any, links: Any = (), inputs: Any = (), outputs: Any = (), **more: Any) -> dict[str, Any]:
    """A definition; a link is (id, source, output, target, slot), -10 and -20 are the outside."""
    keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
    return {
        "id": id,
        "name": f"The {id}",
        "nodes": list(nodes),
        "links": [dict(zip(keys, each, strict=True)) | {"type": "*"} for each in links],
        "inputs": [{"name": name, "type": "*"} for name in inputs],
        "outputs": [{"name": name, "type": "*"} for name in outputs],
        **more,
    }


def inputs_of(document: Any, **how: Any) -> dict[str, Any]:
    """Each node's inputs in the API form."""
    return {id: each["inputs"] for id, each in to_prompt(document, registry(), **how).items()}
