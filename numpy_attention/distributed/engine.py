"""dask, imported when it is first needed, and clusters, with a sentence where one cannot be reached."""

from importlib import import_module
from types import ModuleType


def require(name: str) -> ModuleType:
    """The module `name` of dask or distributed; ImportError with the line that installs it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{error.name} is not installed; write pip install 'numpy_attention[distributed]'"
        ) from None
