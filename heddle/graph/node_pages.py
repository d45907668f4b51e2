"""The help of nodes as Markdown files, a page for each and an index by menu: what the editor shows beside a node."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from heddle.graph.dynamic import inputs_of_choice, keys_of_choices
from heddle.graph.spec import InputSpec, NodeSpec

INDEX = "README.md"

_MOST_CHOICES = 40


class NodePages:
    """Writes in one language.

    Args:
        texts: the page's own words ("doc.inputs" ...), with `{places}`.
        nodes: what a language has for nodes in place of their own words: `display_name`, `description`, `inputs` by
            name and `outputs` by place, each with `name` and `tooltip`. Words that are missing stay English.
        menus: names of menus.
    """

    def __init__(self, texts: Mapping[str, str], nodes: Mapping[str, Any], menus: Mapping[str, str]) -> None:
        self._texts = texts
        self._nodes = nodes
        self._menus = menus

    def write(self, specs: Iterable[NodeSpec]) -> dict[str, str]:
        """The pages by their file names, the same for the same nodes in whatever order."""
        ordered = sorted(specs, key=lambda each: (self._menu(each), self._name(each), each.id))
        files = dict(zip((each.id for each in ordered), _file_names(ordered), strict=True))
        pages = {files[each.id]: self._page(each) for each in ordered}
        index = [f"# {self._say('docs.title')}"]
        menu = None
        for each in ordered:
            if self._menu(each) != menu:
                menu = self._menu(each)
                index += ["", f"## {_plain(menu or self._say('docs.no-menu'))}", ""]
            first = self._description(each).strip().partition("\n")[0]
            said = f": {_plain(first)}" if first else ""
            index.append(f"- [{_plain(self._name(each))}]({quote(files[each.id])}) `{each.id}`{said}")
        return {INDEX: "\n".join(index) + "\n", **pages}

    def _page(self, spec: NodeSpec) -> str:
        marks = {"doc.deprecated": spec.deprecated, "doc.experimental": spec.experimental, "doc.output": spec.is_output}
        facts = [f"`{spec.id}`", _plain(self._menu(spec)), *(self._say(key) for key, holds in marks.items() if holds)]
        lines = [f"# {_plain(self._name(spec))}", "", " · ".join(each for each in facts if each)]
        for paragraph in re.split(r"\n{2,}", self._description(spec).strip()):
            lines += ["", *map(_plain, paragraph.split("\n"))] if paragraph else []
        inputs = [line for each in spec.inputs if each.section != "hidden" for line in self._input(spec, each)]
        if inputs:
            lines += ["", f"## {self._say('doc.inputs')}", "", *inputs]
        outputs = [
            self._slot(
                self._words(spec, "outputs", str(at), "name") or each.name,
                each.name,
                each.type,
                self._words(spec, "outputs", str(at), "tooltip") or each.tip,
                [self._say("doc.list")] if each.is_list else [],
            )
            for at, each in enumerate(spec.outputs)
        ]
        if outputs:
            lines += ["", f"## {self._say('doc.outputs')}", "", *outputs]
        return "\n".join(lines) + "\n"

    def _input(self, spec: NodeSpec, each: InputSpec, level: int = 0) -> Iterator[str]:
        """The line of an input, and of those that its choices bring, set in below it."""
        shown = self._words(spec, "inputs", each.name, "name") or each.options.get("display_name") or each.name
        tip = self._words(spec, "inputs", each.name, "tooltip") or each.options.get("tooltip") or ""
        yield "  " * level + self._slot(str(shown), each.name, each.type, str(tip), list(self._facts(each)))
        for choice in keys_of_choices(each):
            if brought := inputs_of_choice(each, choice):
                yield f"{'  ' * (level + 1)}- {_plain(str(choice))}:"
                for one in brought:
                    yield from self._input(spec, one, level + 2)

    def _slot(self, shown: str, name: str, kind: str, tip: str, facts: list[str]) -> str:
        named = f"**{_plain(shown or kind)}**" + (f" `{name}`" if name and name != shown else "")
        said = " ".join(_plain(each) for each in (" ".join(tip.split()),) if each)
        return (
            f"- {named} ({_plain(kind)})" + (f": {said}" if said else "") + (f" *{' · '.join(facts)}*" if facts else "")
        )

    def _facts(self, each: InputSpec) -> Iterator[str]:
        options = each.options
        if each.section == "optional":
            yield self._say("doc.optional")
        if not each.is_widget:
            return
        usual = options.get("default")
        if usual is not None and usual != "" and not isinstance(usual, (list, tuple, Mapping)):
            yield _plain(self._say("doc.default", value=str(usual)))
        if options.get("min") is not None and options.get("max") is not None:
            yield _plain(self._say("doc.range", low=options["min"], high=options["max"]))
        if isinstance(given := options.get("options"), Mapping):
            yield self._say("docs.files", kind=f"`{given.get('files', '')}`")
        if choices := [str(one.get("key") if isinstance(one, Mapping) else one) for one in each.choices or ()]:
            many = len(choices) > _MOST_CHOICES
            yield self._say("doc.choices", count=len(choices)) if many else ", ".join(f"`{one}`" for one in choices)

    def _menu(self, spec: NodeSpec) -> str:
        return " / ".join(self._menus.get(each, each) for each in spec.category.split("/") if each)

    def _name(self, spec: NodeSpec) -> str:
        return self._nodes.get(spec.id, {}).get("display_name") or spec.display_name or spec.id

    def _description(self, spec: NodeSpec) -> str:
        return self._nodes.get(spec.id, {}).get("description") or spec.description

    def _words(self, spec: NodeSpec, side: str, name: str, key: str) -> str:
        return self._nodes.get(spec.id, {}).get(side, {}).get(name, {}).get(key, "")

    def _say(self, key: str, **values: Any) -> str:
        return self._texts[key].format_map({name: str(value) for name, value in values.items()})


def _file_names(specs: Iterable[NodeSpec]) -> Iterator[str]:
    """A name for each, also where a disk knows no small and capital letters. Ids of packs may hold anything."""
    taken = {INDEX.casefold()}
    for spec in specs:
        stem = quote(spec.id, safe=" ()[]&+")[:200]
        name, count = f"{stem}.md", 1
        while name.casefold() in taken:
            count += 1
            name = f"{stem}-{count}.md"
        taken.add(name.casefold())
        yield name


def _plain(text: str) -> str:
    """The text as Markdown that shows it as it is; `code` stays code."""
    return re.sub(r"`[^`]*`|([\\*_<>\[\]#|~])", lambda found: f"\\{found[1]}" if found[1] else found[0], text)
