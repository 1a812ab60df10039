"""Conditions read in the source of public kernels and dispatchers: facts, under the names of `facts`.

Each row holds where the condition stands and what it reads. Left out are conditions on hardware, on dtypes
other than the inputs', on sizes beyond 1024 positions or 256 columns, and those that the table lists alone.
"""

import random

from .unlisted import RESULTS, Condition

TORCH_CUDA = "pytorch aten/src/ATen/native/transformers/cuda/sdp_utils.cpp"
TORCH_CPU = "pytorch aten/src/ATen/native/cpu/FlashAttentionKernel.cpp"
TRITON = "flash-attention flash_attn/flash_attn_triton.py"
FLASH = "flash-attention csrc/flash_attn/flash_api.cpp"
MLX = "mlx mlx/backend/metal/scaled_dot_product_attention.cpp"
PALLAS = "jax jax/experimental/pallas/ops/tpu/flash_attention.py"
CUTLASS = "xformers xformers/ops/fmha/cutlass.py"
GGML = "llama.cpp ggml/src/ggml-cuda/fattn.cu"

READ = {
    TORCH_CUDA: [
        "D %4! 0", "E %4! 0", "D %8! 0", "E %8! 0", "D %4 0 & E %4 0", "D %8 0 & E %8 0", "D > 192",
        "D > 192 & D <= 224", "D > 224 & dropout == 1", "D == 192 & E == 128",
        "D <= 128 & E <= 128", "D > 128 & E > 128", "D == 256 & E == 256",
        "causal == 1 & S - L != 0", "causal == 1 & S - L == 0", "offset of query != 0",
        "offset of key != 0", "offset of value != 0", "L < 64", "L >= 64", "S %64! 0",
        "dropout == 1 & L %64! 0", "dropout == 1 & S %64! 0", "S == 1 & dropout == 0",
        "dropout == 1 & L == 1", "stride H of query < 257 & query transposed == 1",
        "value transposed == 1 & key transposed == 1", "L <= 128", "dropout == 1 & D > 192",
    ],
    TORCH_CPU: [
        "D %2! 0 & L > 1", "S > 512 & causal == 0", "mask == 1 & mask broadcast along queries == 1",
        "mask == 0 & bias == 0", "empty rows > 0", "empty rows == 0 & mask == 1", "S %32! 0",
        "S %2! 0 & mask == 1", "causal == 1 & S <= 512", "causal == 1 & L > 32",
    ],
    TRITON: [
        "L %128! 0", "S %128! 0", "L %128 0 & S %128! 0", "L %128! 0 & S %128 0",
        "L %128 0 & S %128 0", "D <= 64", "D > 64", "D < 16", "D <= 128", "D == 40", "D == 48",
        "D == 96", "D == 64 & L %128! 0", "L %32! 0", "L < 32", "S < 32",
        "bias == 1 & bias broadcast along queries == 1",
        "bias == 1 & bias broadcast along queries == 0", "bias == 1 & L %128! 0",
        "bias == 1 & causal == 1", "causal == 1 & S %128! 0", "stride D of query != 1",
        "stride D of key != 1", "stride D of value != 1", "stride D of d_out != 1", "bias == 0",
        "bias broadcast along batch == 1", "bias broadcast along heads == 1", "B H > 1",
        "causal == 1 & S - L > 0",
    ],
    FLASH: [
        "S - window left <= 0", "S - window right <= 0", "window left > 0", "window right == 0",
        "L == 1 & causal == 1", "L == 1 & bias == 0", "L == 1 & H / G > 1",
        "L == 1 & H / G > 1 & window == 0 & dropout == 0 & D %8 0", "D %8! 0 & causal == 1",
        "E %8! 0 & D %8 0", "D %8! 0 & E %8 0", "D <= 64 & E <= 64", "D <= 192", "E > 192",
        "E <= 128", "S <= 256", "L <= 64", "D %32! 0", "E %32! 0", "softcap == 1 & dropout == 0",
        "dropout == 0", "B H > 12", "B H <= 2", "L == 1 & S > 64", "H / G > 1 & causal == 1",
    ],
    MLX: [
        "L > 8", "L <= 8", "L <= 8 & S - L >= 0", "L <= 8 & S - L < 0", "L H / G > 32",
        "L H / G <= 32", "D == 64 & E == 64", "D == 72", "D == 80 & E == 80", "D == 96", "D == 192",
        "D == 128 & E == 128", "D >= 128", "L %64 0 & S %32 0", "L %64! 0", "L %32! 0 & S %32! 0",
        "S %16! 0", "L %32 0", "S %32 0", "causal == 1 & S - L >= 0 & L > 8",
        "causal == 1 & L <= 8 & L > 1", "L >= 512 & S >= 512", "S >= 1000 & L <= 8",
        "sinks == 1 & mask == 0", "sinks == 1 & mask == 1", "query contiguous == 0",
        "key contiguous == 0 & L <= 8", "query contiguous == 0 & B == 1", "G == 1",
        "G == 1 & key contiguous == 0", "mask == 1 & mask broadcast along heads == 0",
        "mask == 1 & mask broadcast along batch == 0", "mask == 0 & sinks == 0 & causal == 0",
        "gradient of query == 0 & gradient of key == 0 & gradient of value == 0",
        "D == 256 & causal == 1 & mask == 0",
    ],
    PALLAS: [
        "S == 128", "S == 128 & L == 128", "D < 128", "D %128! 0 & D > 128", "D %128 0",
        "scale value != 1", "scale value == 1", "softcap == 1 & bias == 1",
        "softcap == 1 & scale == 1", "bias == 1 & causal == 1 & L > 1",
        "bias broadcast along batch == 0 & bias broadcast along heads == 0",
        "empty rows > 0 & causal == 1", "L > 128 & causal == 1", "S > 128 & causal == 1",
        "L %128 0 & causal == 1", "H / G == 1", "L %8! 0",
    ],
    CUTLASS: [
        "D <= 32", "D > 32", "E > 64", "E > 128", "E <= 64 & D > 64", "dropout == 1 & bias == 1",
        "dropout == 1 & causal == 1", "bias broadcast along batch == 1 & bias == 1",
        "bias == 1 & S %4! 0", "stride L of query %4! 0", "stride L of value %4! 0",
        "stride L of key %4! 0", "L %32! 0 & bias == 1", "D - E != 0 & bias == 1",
    ],
    GGML: [
        "D == 40", "D == 112", "D != 40 & D != 72", "D %64 0", "D <= 256 & D %64 0 & S %256 0",
        "S %256 0", "S %256! 0", "mask == 1 & S %256 0", "H / G %2 0", "H / G %4 0", "H / G %8 0",
        "H / G %2 0 & mask == 1", "H / G %4 0 & mask == 1", "H / G %8 0 & mask == 1", "L <= 2",
        "L <= 4", "L <= 16", "L <= 32", "L == 1 & B == 1", "L == 1 & H / G > 4",
        "mask == 1 & mask broadcast along heads == 1", "L <= 2 & D %64 0", "L == 1 & mask == 0",
    ],
}  # fmt: skip
"""The conditions by file: tests joined by &, each a fact, a comparison and a number."""


def read(seed: int) -> list[Condition]:
    """Every condition above, each with a result drawn for it."""
    rng = random.Random(seed)
    return [
        Condition(tuple(map(_test, text.split(" & "))), rng.choice(RESULTS), source)
        for source, texts in READ.items()
        for text in texts
    ]


def _test(text: str) -> tuple[str, str, float]:
    fact, comparison, number = text.rsplit(" ", 2)
    return fact, comparison, float(number)
