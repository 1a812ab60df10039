"""Masks as values: which keys each query may attend to.

Read builders (the public constructors), mask (what every mask can do: arrays, tiles, & | ~), then kinds (one
class for each rule). Imports base/ only.
"""
