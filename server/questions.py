"""What the front desk asks of workers, each question with a number by which its answer is known."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from server.workplaces import Worker


class Questions:
    """The questions that are not answered yet."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[Worker, asyncio.Future[dict[str, Any]]]] = {}
        self._numbers = itertools.count(1)

    async def ask(self, worker: Worker, question: dict[str, Any], patience_s: float) -> dict[str, Any]:
        """What a worker answers; nothing, if it does not in time, or has died."""
        if worker.transport is None or worker.gone:
            return {}
        number, answer = next(self._numbers), asyncio.get_running_loop().create_future()
        self._asked[number] = (worker, answer)
        worker.transport.send({**question, "id": number})
        try:
            async with asyncio.timeout(patience_s):
                return await answer
        except TimeoutError:
            return {}
        finally:
            del self._asked[number]

    def answer(self, number: Any, told: Any) -> None:
        """A worker has answered."""
        _, answer = self._asked.get(number if isinstance(number, int) else 0, (None, None))
        if answer is not None and not answer.done():
            answer.set_result(told if isinstance(told, dict) else {})

    def leave(self, worker: Worker) -> None:
        """A worker is gone, and answers no more."""
        for asked, answer in self._asked.values():
            if asked is worker and not answer.done():
                answer.set_result({})
