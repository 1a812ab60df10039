"""Support for the comparisons in `tests/peers`.

`compare` sets the tolerances between a pair and another library; `torch_formulas` and `torch_steps` write
every pair in torch; `onnx_cases` reads the onnx package's cases, `onnx_attention` and `onnx_layers` bound
their errors.
"""
