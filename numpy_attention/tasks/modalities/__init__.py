"""Tasks that join several kinds of data: a spoken word and pictures.

match_sound trains `matching`, a word's attention over the patches of four pictures. Recordings come from
../sounds, images from ../images.
"""
