"""python -m numpy_attention: the same as the command numpy-attention."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
