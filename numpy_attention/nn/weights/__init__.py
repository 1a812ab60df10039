"""Weights: into files and out of them, and from the names of other libraries to those here.

`files` saves and loads nested dicts of arrays, as .npz or .safetensors; `safetensors_header` checks the
header of the latter before anything else is read, `formats` has its number formats, bfloat16 and float8 too.
`state` compares the names and shapes of a flat dict with a layer's; `torch_names` is for PyTorch's own
layers, `hugging_face` for GPT-2, Llama, BERT and ViT, by tables of names that `naming` reads.
"""
