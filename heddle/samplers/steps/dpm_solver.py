"""DPM-Solver of orders 1 to 3 on the noise guess, with steps of its own: a fixed number of calls, or a given error.

Time is -ln(sigma). Source: Lu et al. 2022, arXiv:2206.00927, algorithms 1 and 2 and appendix C.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from heddle.graph.errors import HeddleError
from heddle.graph.said import say
from heddle.samplers.mixing import ADDED
from heddle.samplers.sampler import Denoiser, NoiseSource, OnStep, draw, sampler, silent
from heddle.samplers.steps.ancestral import split_step

_MOST_TRIES = 10_000  # of an adaptive run: with sensible tolerances there are some dozens


@sampler("dpm_fast")
def dpm_fast(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Tensor:
    """As many denoiser calls as the schedule has steps, in steps of third order as far as they go.

    Only the ends of the schedule matter, its last level above 0 being the end. Source: section 3.4 (DPM-Solver-fast).

    Args:
        eta: share of the level that is fresh noise.
    """
    start, end = _ends(sigmas)
    if start == end:
        return _to_clean(denoise, x, sigmas, on_step)
    calls = len(sigmas) - 1
    count = calls // 3 + 1
    orders = [3] * (count - 2) + [2, 1] if calls % 3 == 0 else [3] * (count - 1) + [calls % 3]
    span = (end - start) / count
    for i, order in enumerate(orders):
        here, there = start + i * span, start + (i + 1) * span if i + 1 < count else end
        down, up = _split(here, there, end, eta)
        eps, clean = _eps(denoise, x, here, sigmas)
        on_step(i, x, clean)
        step = _Stages(denoise, x, here, down, eps, sigmas)
        x = (step.first, step.second, step.third)[order - 1]()
        if eta > 0:
            x = x + draw(noise, _level(here, sigmas), _level(there, sigmas)) * (up * s_noise)
    return x


@sampler("dpm_adaptive")
def dpm_adaptive(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Tensor,
    *,
    on_step: OnStep = silent,
    noise: NoiseSource | None = None,
    order: int = 3,
    rtol: float = 0.05,
    atol: float = 0.0078,
    h_init: float = 0.05,
    pcoeff: float = 0.0,
    icoeff: float = 1.0,
    dcoeff: float = 0.0,
    accept_safety: float = 0.81,
    eta: float = 0.0,
    s_noise: float = 1.0,
) -> Tensor:
    """Steps as long as the error allows, which is what two orders differ by; their number follows from that.

    Only the ends of the schedule matter, its last level above 0 being the end. Source: appendix C (DPM-Solver-12 and
    -23); Söderlind 2003, Digital filters in adaptive time-stepping, for the controller.

    Args:
        order: 2 or 3, the higher of the two.
        rtol, atol: the error allowed, as a share of x and at least, root mean square over all of x.
        h_init: length of the first try, in -ln(sigma).
        pcoeff, icoeff, dcoeff: the controller's proportional, integral and derivative parts.
        accept_safety: a step is taken if the next would be at least so many times as long.
    Raises: HeddleError, if the error cannot be met, or the levels rise.
    """
    if order not in (2, 3):
        raise HeddleError(say("order: {order}, but dpm_adaptive compares orders 1 and 2, or 2 and 3", order=order))
    if h_init <= 0:
        raise HeddleError(
            say("h_init: {h_init}, but the first try of dpm_adaptive has a length; choose one above 0", h_init=h_init)
        )
    start, end = _ends(sigmas)
    if start == end:
        return _to_clean(denoise, x, sigmas, on_step)
    if end < start:
        raise HeddleError(say("dpm_adaptive goes to lower levels only; choose another sampler for levels that rise"))
    control = _Controller(h_init, (pcoeff, icoeff, dcoeff), 1.5 if eta else order, accept_safety)
    here, before, taken = start, x, 0
    for _ in range(_MOST_TRIES):
        if here >= end - 1e-5:
            return x
        there = min(end, here + control.span)
        if there == here:  # the controller shortened the step to nothing
            break
        down, up = _split(here, there, end, eta)
        eps, clean = _eps(denoise, x, here, sigmas)
        step = _Stages(denoise, x, here, down, eps, sigmas)
        if order == 2:
            low, high = step.first(), step.second()
        else:
            low, high = step.second(r=1 / 3), step.third()
        allowed = torch.maximum(low.abs(), before.abs()).mul(rtol).clamp(min=max(atol, 1e-12))
        error = float(((low - high) / allowed).square().mean().sqrt())
        if control.accepts(error):
            on_step(taken, x, clean)
            before, x = low, high
            if eta > 0:
                x = x + draw(noise, _level(here, sigmas), _level(there, sigmas)) * (up * s_noise)
            here, taken = there, taken + 1
    raise HeddleError(
        say(
            "dpm_adaptive: no end after {most_tries} tries or with the shortest step, the allowed error "
            "cannot be met; raise rtol or atol, or set pcoeff, icoeff and dcoeff back",
            most_tries=_MOST_TRIES,
        )
    )


class _Controller:
    """Chooses a step's length from the errors of the last ones."""

    def __init__(self, span: float, parts: tuple[float, float, float], order: float, safety: float) -> None:
        p, i, d = parts
        self.span = span
        self._powers = ((p + i + d) / order, -(p + 2 * d) / order, d / order)
        self._safety = safety
        self._inverse: list[float] = []  # errors, inverted, the newest first

    def accepts(self, error: float) -> bool:
        """Whether a step with this error is good. The length is then that of the next try."""
        if not math.isfinite(error):
            raise HeddleError(say("dpm_adaptive: the denoiser's guess holds numbers that are not finite"))
        inverse = 1 / (error + 1e-8)
        self._inverse = [inverse, *(self._inverse[1:] or (inverse, inverse))]
        factor = math.prod(one**power for one, power in zip(self._inverse, self._powers, strict=True))
        factor = 1 + math.atan(factor - 1)  # no leaps
        accepted = factor >= self._safety
        if accepted:
            self._inverse = [inverse, *self._inverse[:2]]
        self.span *= factor
        return accepted


class _Stages:
    """One step at three orders that share their calls.

    Args:
        here, there: times. eps: the noise guess at `here`.
    """

    def __init__(self, denoise: Denoiser, x: Tensor, here: float, there: float, eps: Tensor, sigmas: Tensor) -> None:
        self._denoise = denoise
        self._x = x
        self._here = here
        self._span = there - here
        self._eps = eps
        self._sigmas = sigmas
        self._known: dict[float, Tensor] = {}  # eps after a share of the way, along the first-order line

    def first(self, part: float = 1.0) -> Tensor:
        return self._x - self._eps * self._fall(part)

    def second(self, r: float = 0.5) -> Tensor:
        return self.first() - (self._eps_on_line(r) - self._eps) * (self._fall(1) / (2 * r))

    def third(self, r_1: float = 1 / 3, r_2: float = 2 / 3) -> Tensor:
        change = self._eps_on_line(r_1) - self._eps
        far = r_2 * self._span
        ahead = self.first(r_2) - change * (self._level(r_2) * r_2 / r_1 * (math.expm1(far) / far - 1))
        eps, _ = _eps(self._denoise, ahead, self._here + far, self._sigmas)
        rise = self._level(1) / r_2 * (math.expm1(self._span) / self._span - 1)
        return self.first() - (eps - self._eps) * rise

    def _eps_on_line(self, r: float) -> Tensor:
        if r not in self._known:
            self._known[r] = _eps(self._denoise, self.first(r), self._here + r * self._span, self._sigmas)[0]
        return self._known[r]

    def _level(self, part: float) -> float:
        return math.exp(-self._here - part * self._span)

    def _fall(self, part: float) -> float:
        """How much the level falls on a part of the way."""
        return self._level(part) * math.expm1(part * self._span)


def _ends(sigmas: Tensor) -> tuple[float, float]:
    """The times of the first level and of the last above 0."""
    above = [sigma for sigma in sigmas.tolist() if sigma > 0]
    return -math.log(above[0]), -math.log(above[-1])


def _to_clean(denoise: Denoiser, x: Tensor, sigmas: Tensor, on_step: OnStep) -> Tensor:
    """The run of one step to 0, which has no end above 0 to go to."""
    clean = denoise(x, sigmas[0])
    on_step(0, x, clean)
    return clean


def _level(time: float, sigmas: Tensor) -> Tensor:
    return sigmas.new_tensor(math.exp(-time))


def _eps(denoise: Denoiser, x: Tensor, time: float, sigmas: Tensor) -> tuple[Tensor, Tensor]:
    sigma = _level(time, sigmas)
    clean = denoise(x, sigma)
    return (x - clean) / sigma, clean


def _split(here: float, there: float, end: float, eta: float) -> tuple[float, float]:
    """The time to step to and the noise that leads back from there; a step never goes below the end of the run."""
    if eta <= 0:
        return there, 0.0
    level = math.exp(-there)
    down = split_step(math.exp(-here), level, eta, ADDED).down
    time = min(end, -math.log(down)) if down > 0 else end
    return time, math.sqrt(max(level**2 - math.exp(-2 * time), 0))
