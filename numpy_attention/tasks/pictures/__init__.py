"""Tasks of pictures: find digits on a canvas, draw digits pixel by pixel.

Read draw_digit first; pixel_baselines stand beside it. find_digit trains `detection` on the canvases of
`canvas`, beside template_matching. Images come from ../images, shipped or from a file; what a picture shows
is a `training.task.Sheet`.
"""
