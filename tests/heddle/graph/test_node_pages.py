"""Help as Markdown: what stands on a page, in which language, under which name."""

from __future__ import annotations

import json
from typing import Annotated, Any

from heddle.graph.declare import Choice, Number, node, spec_of
from heddle.graph.node_pages import INDEX, NodePages
from heddle.graph.spec import DYNAMIC_COMBO, InputSpec, NodeSpec, OutputSpec
from heddle.settings.options import HOUSE
from heddle.wires import Image


@node("BlurThing", category="image/filter", name="Blur")
def blur(
    image: Image,
    radius: Annotated[int, Number(default=1, low=1, high=31, tip="Half width in *pixels*.")],
    edge: Annotated[str, Choice("mirror", "wrap", tip="What lies beyond it.")],
    *,
    again: Image | None = None,
) -> Image:
    """Blur an image with `Gauss`.

    A second paragraph, for a_b.
    """
    raise NotImplementedError


def texts(language: str = "en") -> dict[str, str]:
    return json.loads((HOUSE / "web" / "locales" / f"{language}.json").read_text(encoding="utf-8"))


def pages(*specs: NodeSpec, **words: Any) -> dict[str, str]:
    return NodePages(texts(), words, {}).write(specs)


def test_a_page_has_name_menu_text_inputs_and_outputs() -> None:
    assert pages(spec_of(blur))["BlurThing.md"].splitlines() == [
        "# Blur",
        "",
        "`BlurThing` · image / filter",
        "",
        "Blur an image with `Gauss`.",
        "",
        "A second paragraph, for a\\_b.",
        "",
        "## Inputs",
        "",
        "- **image** (IMAGE)",
        "- **radius** (INT): Half width in \\*pixels\\*. *default 1 · 1 to 31*",
        "- **edge** (COMBO): What lies beyond it. *`mirror`, `wrap`*",
        "- **again** (IMAGE) *optional*",
        "",
        "## Outputs",
        "",
        "- **IMAGE** (IMAGE)",
    ]


def test_words_of_another_language_stand_in_place_of_the_node_s_own() -> None:
    told = {
        "BlurThing": {
            "display_name": "模糊",
            "description": "模糊图像。",
            "inputs": {"radius": {"name": "半径", "tooltip": "半宽。"}},
            "outputs": {"0": {"name": "图像"}},
        }
    }
    made = NodePages(texts("zh-CN"), told, {"image": "图像", "filter": "滤镜"}).write([spec_of(blur)])
    page = made["BlurThing.md"]
    assert page.startswith("# 模糊\n\n`BlurThing` · 图像 / 滤镜\n\n模糊图像。\n")
    assert "- **半径** `radius` (INT): 半宽。 *默认 1 · 1 至 31*\n" in page
    assert "- **图像** `IMAGE` (IMAGE)\n" in page
    assert "## 图像 / 滤镜\n\n- [模糊](BlurThing.md) `BlurThing`: 模糊图像。\n" in made[INDEX]


def test_what_a_choice_brings_stands_below_it() -> None:
    size = {"required": {"width": ["INT", {"default": 8, "min": 1, "max": 9, "tooltip": "How wide."}]}}
    options = {"options": [{"key": "by hand", "inputs": size}, {"key": "as it is", "inputs": {}}]}
    page = pages(NodeSpec("Resize", inputs=(InputSpec("how", DYNAMIC_COMBO, options=options),)))["Resize.md"]
    assert "  - by hand:\n    - **how.width** (INT): How wide. *default 8 · 1 to 9*\n" in page
    assert "as it is:" not in page


def test_the_index_goes_by_menu_and_is_the_same_in_any_order() -> None:
    specs = [
        NodeSpec("B", category="z", display_name="Last"),
        NodeSpec("A", category="a", description="First line.\nAnother."),
        NodeSpec("C"),
    ]
    made = pages(*specs)
    assert made == pages(*reversed(specs))
    assert made[INDEX] == (
        "# Nodes\n\n## Without a menu\n\n- [C](C.md) `C`\n\n## a\n\n- [A](A.md) `A`: First line.\n"
        "\n## z\n\n- [Last](B.md) `B`\n"
    )


def test_whatever_an_id_holds_the_names_of_files_are_plain_and_different() -> None:
    made = pages(*(NodeSpec(each) for each in ("../up", "a/b|c", "readme", "Same", "same", "字", "x" * 300)))
    assert all("/" not in name and len(name) < 220 and name.isascii() for name in made)
    assert len({name.casefold() for name in made}) == 8


def test_texts_of_packs_bring_no_markup_of_their_own() -> None:
    spec = NodeSpec("P", description="<script>x</script> # not a heading", outputs=(OutputSpec("o", "A,B", tip="a|b"),))
    page = pages(spec)["P.md"]
    assert "\\<script\\>" in page and "\\# not" in page and "- **o** (A,B): a\\|b\n" in page
