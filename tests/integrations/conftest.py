"""What LangChain's standard tests expect of plug-ins that nothing else here needs."""

from __future__ import annotations

import asyncio
import inspect

import pytest


def pytest_pyfunc_call(pyfuncitem):
    """Await tests that are to be awaited."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture
def benchmark():
    """Calls what is to be timed, once."""
    return lambda function, *arguments, **named: function(*arguments, **named)


@pytest.fixture
def vcr():
    """Nothing is sent that could be recorded."""
