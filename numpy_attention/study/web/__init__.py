"""A walk as one self-contained HTML page: forward down on the left, backward up on the right.

Reading order: `explanation` is `na.explain` and what it returns; `scenes` are the examples of a page, each
with the faults that show in it; `document` joins HTML, style and script into one file that loads nothing.
`render` turns a scene into HTML: arrays by `tables`, drawings by `pictures` (in `svg`), words by `sentences`.
`online`, `root_d` and `run_panel` (of a `replay`) are panels below. `assets` holds the style and the script,
which only add to the page: it reads whole without JavaScript.
"""
