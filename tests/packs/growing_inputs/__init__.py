"""A pack as newer packs write them: an extension of schema classes."""

from __future__ import annotations

from enum import Enum
from typing import Any

from comfy_api.latest import ComfyExtension, io, ui


class Case(Enum):
    UPPER = "upper"
    LOWER = "lower"


class JoinTexts(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        template = io.Autogrow.TemplatePrefix(io.String.Input("text", force_input=True), prefix="text", min=2, max=5)
        return io.Schema(
            node_id="TestJoinTexts",
            display_name="Join texts",
            category="texts",
            inputs=[
                io.Autogrow.Input("texts", template=template),
                io.DynamicCombo.Input(
                    "mode",
                    options=[
                        io.DynamicCombo.Option("plain", []),
                        io.DynamicCombo.Option("between", [io.String.Input("mark", default="-")]),
                        io.DynamicCombo.Option(
                            "numbered",
                            [io.Int.Input("first", default=1, min=0), io.Combo.Input("case", options=Case)],
                        ),
                    ],
                ),
            ],
            outputs=[io.String.Output(display_name="joined")],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, texts: dict[str, str], mode: dict[str, Any]) -> io.NodeOutput:
        parts = list(texts.values())
        if mode["mode"] == "numbered":
            parts = [
                f"{mode['first'] + position}{getattr(part, mode['case'])()}" for position, part in enumerate(parts)
            ]
        joined = mode.get("mark", "").join(parts)
        return io.NodeOutput(joined, ui=ui.PreviewText(f"{cls.hidden.unique_id}: {joined}"))


class EitherOf(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        same = io.MatchType.Template("same")
        return io.Schema(
            node_id="TestEitherOf",
            category="logic",
            inputs=[
                io.Boolean.Input("first"),
                io.MatchType.Input("a", template=same, lazy=True, optional=True),
                io.MatchType.Input("b", template=same, lazy=True, optional=True),
            ],
            outputs=[io.MatchType.Output(template=same, display_name="either")],
        )

    @classmethod
    def check_lazy_status(cls, first: bool, a: Any = None, b: Any = None) -> list[str]:
        wanted, value = ("a", a) if first else ("b", b)
        return [wanted] if value is None else []

    @classmethod
    def execute(cls, first: bool, a: Any = None, b: Any = None) -> io.NodeOutput:
        return io.NodeOutput(a if first else b)


class Extension(ComfyExtension):
    ready = False

    async def on_load(self) -> None:
        self.ready = True

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [JoinTexts, EitherOf] if self.ready else []


async def comfy_entrypoint() -> ComfyExtension:
    return Extension()
