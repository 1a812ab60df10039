"""Beyond one machine: attention over dask arrays, and training by dask workers.

Read `attention.py` first: the pair. `layout.py` admits arguments and finds the chunks that belong together,
`regions.py` cuts masks, biases and dropout to them, `graph.py` arranges tiles in chains and trees, and
`tiles.py` has what runs on workers: `fast_attention`'s kernels on one tile of chunks. `engine.py` reaches
dask and its clusters, `training.py` shares a batch among workers, `scaling.py` measures.

dask is imported by the functions that need it, never by importing the package: `[distributed]` installs it.
"""

from .attention import DistributedSaved, attention_backward, attention_forward

__all__ = ["DistributedSaved", "attention_backward", "attention_forward"]
