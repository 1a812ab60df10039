"""Tasks of pictures: draw digits pixel by pixel.

Read draw_digit, then pixel_baselines, which stands beside it: how often each grey value was seen. Images come
from ../images, shipped or from a file; what a picture shows is a `training.task.Sheet`.
"""
