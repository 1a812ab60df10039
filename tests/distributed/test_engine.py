"""dask where it is installed, and a sentence where it is not."""

import pytest

from numpy_attention.distributed.engine import require


def test_what_is_not_installed_is_named():
    with pytest.raises(
        ImportError, match=r"no_such_engine is not installed; write pip install 'numpy_attention\["
    ):
        require("no_such_engine.array")
