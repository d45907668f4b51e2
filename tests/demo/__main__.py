"""`python -m tests.demo CHECKPOINT [--prompts N] [--negatives N] [--sheet PNG]`: measure a demo model, as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from heddle.training.charts import draw_sheet
from heddle.training.checker import check_the_checker, check_the_checker_on_two
from heddle.training.evaluate import ask, ask_for_manners, ask_for_two, evaluate, paint_in_parts
from tests.demo.engine_painter import EnginePainter


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description="Measure a demo model.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--prompts", type=int, default=200)
    parser.add_argument("--negatives", type=int, default=60)
    parser.add_argument("--two", type=int, default=200, help="prompts for two things")
    parser.add_argument("--manners", type=int, default=120, help="prompts for a background or a style")
    parser.add_argument("--drawings", type=int, default=400, help="to check the checker on, fresh and through the VAE")
    parser.add_argument("--sheet", type=Path, help="where to write a sheet of some pictures of each kind")
    options = parser.parse_args()
    painter = EnginePainter(options.checkpoint)
    report = {
        "checker_on_drawings": asdict(check_the_checker(options.drawings, 31)),
        "checker_through_vae": asdict(check_the_checker(options.drawings, 31, painter.code)),
        "checker_on_two": asdict(check_the_checker_on_two(options.drawings, 32)),
        "checker_on_two_through_vae": asdict(check_the_checker_on_two(options.drawings, 32, painter.code)),
        **evaluate(painter, options.prompts, options.negatives, options.two, options.manners),
    }
    print(json.dumps(report, indent=1))
    if options.sheet:
        questions = [*ask(16), *ask_for_two(24), *ask_for_manners(24)]
        prompts = [each.prompt for each in questions]
        pictures = paint_in_parts(painter, prompts, [""] * len(prompts), [each.seed for each in questions])
        draw_sheet(pictures, prompts, options.sheet, columns=8)
    return 0 if report["meets_the_mark"] else 1


if __name__ == "__main__":
    sys.exit(main())
