"""The version of what samplers, schedules and noise do, which files carry that were made with it."""

from __future__ import annotations

#: Raised whenever the same inputs begin to give other pictures on the same machine.
BEHAVIOUR = 1
