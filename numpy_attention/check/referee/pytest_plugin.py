"""The pytest fixture `attention_referee`: judge an attention in any test suite.

    def test_mine(attention_referee):
        attention_referee(my_attention, dtype="bfloat16")

pytest loads this file at its start wherever the package is installed, so it imports nothing before a test
asks for the fixture.
"""

from typing import Any


def judge(candidate: Any, **options: Any) -> Any:
    """The report of `check_candidate(candidate, **options)`; unless it passes, the test fails with it."""
    import pytest

    from .referee import check_candidate

    report = check_candidate(candidate, **options)
    if not report.ok:
        pytest.fail(str(report), pytrace=False)
    return report


def pytest_configure(config: Any) -> None:
    """Register the fixture."""
    import pytest

    class Fixtures:
        @pytest.fixture
        def attention_referee(self) -> Any:
            """attention_referee(candidate, **options): judge an attention, as na.check_candidate does."""
            return judge

    config.pluginmanager.register(Fixtures(), "numpy_attention.fixtures")
