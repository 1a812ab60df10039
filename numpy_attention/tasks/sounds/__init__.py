"""Tasks of sounds: what words are said in a recording, and words said by a model.

A waveform is an array of samples at 8 kHz, from -1 to 1: the shipped words of `words`, or files through
`wav`. `spectrogram` makes frames of it, `noise` spoils it, `dtw` compares two recordings however fast each is
spoken.

Read spoken_digits for recognition. For synthesis read say_digits: `synthesis` trains on the utterances of
`synthesis_data`, `griffin_lim` makes waveforms, `cepstral_distortion` and `shipped_recogniser` judge them.
"""
