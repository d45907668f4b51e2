"""The ledger of this process, for packs, which ask a module and not whoever runs them. `main.py` hands it in once."""

from __future__ import annotations

from heddle.settings.current import current_settings
from model_management.devices import choose_device
from model_management.ledger import ledger_for
from model_management.weights import Weights

_weights: Weights | None = None


def use(weights: Weights) -> None:
    """Hand in the ledger that this process works with."""
    global _weights
    _weights = weights


def current_weights() -> Weights:
    """The ledger; one on the best device, if nobody handed one in."""
    global _weights
    if _weights is None:
        settings = current_settings()
        _weights = ledger_for(choose_device(cpu_only=settings.cpu), settings.memory)
    return _weights
