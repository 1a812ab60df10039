"""Tasks that join several kinds of data: a spoken word and pictures, questions in words about a picture.

match_sound trains `matching`, a word's attention over the patches of four pictures. ask_picture trains
`answering` on `visual_questions`, worded by `questions`; `reasoner` is what it is measured against.
Recordings come from ../sounds, images from ../images.
"""
