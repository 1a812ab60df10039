"""Speed of attention, its functions, Adam and training beside other libraries: python -m benchmarks.speed.

Reading order: `turns` times two sides alternately; `peers` holds the attentions that are compared;
`attention`, `functions`, `gpt` and `training` list the comparisons; `growth` measures time and memory over
the length, each `point` in its own process; `report` and `plot` write the page. `__main__` runs the sections.
"""
