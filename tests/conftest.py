"""What every test shares: the --slow option, one computing thread, and no deadline for examples.

Nets in tests are tiny. Threads of torch that wait for each other on a busy machine make them ten times slower, in this
process and in those that tests start, which inherit its environment.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when torch is imported, which no test module has done yet


# A test says what is right, not how fast: on a busy machine any example may take long.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", default=False, help="also run the tests that take long")
    parser.addoption(
        "--schedules",
        type=int,
        default=8,
        help="random orders of work on a device that is too small; default %(default)s",
    )
    parser.addoption("--kills", type=int, default=200, help="kills of the crash test; default %(default)s")
    parser.addoption("--kills-seed", type=int, default=None, help="the seed that a crash test printed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="takes long: runs with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)
