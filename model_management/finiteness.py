"""Weights that are no numbers. They are looked for once a net gave such: looking before would slow every load."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from heddle.graph.errors import GraphError, WeightsError
from heddle.graph.said import say
from model_management.stored_net import StoredNet


def refuse_broken_weights(nets: Iterable[StoredNet]) -> None:
    """Raises: WeightsError, naming the first weight of these nets, as stored, that is not finite."""
    for net in nets:
        with net.open() as read:
            for name in net.shapes:
                if not bool(read(name).float().isfinite().all()):
                    file, key = net.header.path, net.key_of(name)
                    raise WeightsError(
                        say(
                            "{file}: {key} holds numbers that are not finite; the file is damaged or its "
                            "training failed: download it again, or choose another",
                            file=file.name,
                            key=key,
                        ),
                        file=file,
                        key=key,
                    )


def refuse_unless_encoded(given: Tensor, net: StoredNet, of: str) -> None:
    """See that an encoder gave numbers.

    Args:
        of: what it encoded.
    Raises: WeightsError, if it did not since its weights are broken; GraphError, if for another reason.
    """
    if not bool(given.isfinite().all()):
        refuse_broken_weights([net])
        raise GraphError(
            say(
                "{file} made numbers of {of} that are not finite, though its weights are; look at what "
                "is put into it: an adapter, a textual inversion, or the input itself is broken or far "
                "too large",
                file=net.header.path.name,
                of=of,
            )
        )
