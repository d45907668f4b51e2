"""What a sampling node does after each step: says how far it is, and now and then shows what it sees."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from torch import Tensor

from heddle.graph.context import Context
from heddle.graph.errors import Cancelled
from heddle.media.pictures import encode_jpeg
from model_management.handles import Model
from model_management.latent_preview import Paint, painter_of
from model_management.small_vae import SmallDecoder, find_small_decoder

log = logging.getLogger("heddle.nodes.sampling")

#: Previews come no more often than this.
BETWEEN_S = 0.2

#: The share of the time since sampling began that making previews may take.
LARGEST_SHARE = 0.05


class StepWatch:
    """An `on_step` for samplers: progress at every step, previews of the clean guess as often as they are cheap.

    Make one when the net is held and sampling begins: from then on time counts. A preview that fails is logged and is
    the last of this run, which goes on without.

    Args:
        total: how many steps there will be; the last is not shown, since its result is.
        clock: seconds, for tests.
    """

    def __init__(self, ctx: Context, model: Model, total: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._ctx = ctx
        self._model = model
        self._total = total
        self._clock = clock
        self._shows = ctx.preview_px > 0
        self._began = self._shown_at = clock()
        self._paint: Paint | None = None
        self._last_cost_s = 0.0
        self.spent_s = 0.0  # on previews

    def __call__(self, step: int, x: Tensor, clean: Tensor, /) -> None:
        self._ctx.progress(min(step + 1, self._total), self._total)  # dpm_adaptive may take more
        if self._shows and step + 1 < self._total and self._is_time():
            try:
                self._show(clean)
            except Cancelled:
                raise
            except Exception as error:  # whatever it is, the picture that was asked for can still be made
                self._shows = False
                log.warning("node %s: no more previews in this run: %s", self._ctx.node_id, error, exc_info=error)

    def _is_time(self) -> bool:
        now = self._clock()
        may_spend_s = LARGEST_SHARE * (now - self._began)
        return now - self._shown_at >= BETWEEN_S and self.spent_s + self._last_cost_s <= may_spend_s

    def _show(self, clean: Tensor) -> None:
        # The device may be behind: waiting until it has made the guess is sampling, what comes after is the preview.
        first = clean[:1].to("cpu")
        before = self._clock()
        self._paint = self._paint or painter_of(self._model, self._ctx.weights, self._ctx.preview_px, self._decoder())
        began = self._clock()
        if self._paint is None:
            self._shows = False
            return
        pixels = self._paint(first)
        self._ctx.preview(encode_jpeg(pixels.numpy()), "jpeg")
        self._shown_at = self._clock()
        self._last_cost_s = self._shown_at - began  # the next one's; colours are there by then
        self.spent_s += self._shown_at - before

    def _decoder(self) -> SmallDecoder | None:
        """The family's small decoder, where previews are to be made by it and it is there."""
        name = self._model.latent.small_vae
        if self._ctx.preview_method != "taesd" or name is None:
            return None
        decoder = find_small_decoder(name, self._ctx.folders)
        if decoder is None:
            log.warning("there is no %s_decoder in models/vae_approx: previews are made by latent2rgb", name)
        return decoder
