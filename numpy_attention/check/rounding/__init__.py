"""Rounding: how large the error of a float computation may be, and exact numbers to measure it against.

`error_analysis` propagates error bounds through operations of a given precision; `formats` names the storage
formats and arithmetics in use; `decimals` has fifty-digit arithmetic and errors in units in the last place.
Imports `functional.base` only.
"""
