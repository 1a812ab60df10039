"""Tasks of sounds: what words are said in a recording.

A waveform is an array of samples at 8 kHz, from -1 to 1: the shipped words of `words`, or files through
`wav`. `spectrogram` makes frames of it, `noise` spoils it, `dtw` compares two recordings however fast each is
spoken.
"""
