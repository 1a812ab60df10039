"""WAV files: every common form is read, what is none is refused in one sentence."""

import struct
import wave

import numpy as np
import pytest

from numpy_attention.tasks.sounds.spectrogram import RATE
from numpy_attention.tasks.sounds.wav import read_wav, resampled, write_wav

X = np.sin(2 * np.pi * 440 * np.arange(1600) / RATE) / 2


def written(path, frames, width=2, channels=1, rate=RATE):
    """A file of whole numbers frames (n, channels)."""
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        offset = 128 if width == 1 else 0
        wide = (np.atleast_1d(frames).astype(np.int64) + offset).reshape(-1, 1)
        file.writeframes(wide.astype("<i8").view(np.uint8).reshape(-1, 8)[:, :width].tobytes())
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_is_read(tmp_path, width):
    whole = np.round(X * 2 ** (8 * width - 1))
    samples, notes = read_wav(written(tmp_path / "a.wav", whole, width))
    np.testing.assert_allclose(samples, whole / 2 ** (8 * width - 1), atol=1e-12)
    assert notes == []


def test_two_channels_are_averaged_and_another_rate_is_resampled(tmp_path):
    time = np.arange(3200) / 16000
    both = np.stack([np.sin(2 * np.pi * 440 * time), np.zeros(3200)], axis=1)
    samples, notes = read_wav(written(tmp_path / "a.wav", np.round(both * 2**15 * 0.99), 2, 2, 16000))
    np.testing.assert_allclose(samples[50:-50], 0.99 * X[50:-50], atol=1e-3)
    assert notes == [
        "2 channels, averaged",
        "16000 Hz, resampled to 8000 Hz",
    ]


@pytest.mark.parametrize("rate", [4000, 11025, 16000, 44100, 48000])
def test_a_tone_stays_and_one_above_half_the_rate_goes(rate):
    time, out = np.arange(rate // 4) / rate, np.arange(2000) / RATE
    stays = resampled(np.sin(2 * np.pi * 700 * time), rate)
    assert np.abs(stays - np.sin(2 * np.pi * 700 * out))[100:-100].max() < 2e-3
    if rate > 11025:
        assert np.abs(resampled(np.sin(2 * np.pi * 5500 * time), rate))[100:-100].max() < 2e-3


def test_the_extensible_header_of_24_bits_is_read(tmp_path):
    data = b"\x00\x00\x40" * 3
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE, 3 * RATE, 3, 24, 22, 24, 4) + guid
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    assert read_wav(tmp_path / "a.wav")[0].tolist() == [0.5] * 3


def test_what_is_written_is_read(tmp_path):
    write_wav(tmp_path / "a.wav", X)
    np.testing.assert_allclose(read_wav(tmp_path / "a.wav")[0], X, atol=2**-16)


def float_file(path):
    form = struct.pack("<HHIIHH", 3, 1, RATE, 4 * RATE, 4, 32)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 4) + bytes(4)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda path: path.write_text("no recording"), "is not a WAV file of PCM samples: "),
        (lambda path: path.write_bytes(b""), "is not a WAV file of PCM samples"),
        (float_file, "is not a WAV file of PCM samples: unknown format: 3; one is expected"),
        (lambda path: written(path, np.zeros(0)), "holds no sample; a recording is expected"),
        (
            lambda path: written(path, X, rate=10**9),
            "16 bits at 1000000000 Hz; 8, 16, 24 or 32 bits and 4000 to",
        ),
        (lambda path: written(path, np.zeros(601 * RATE), 1), "is 601 s long; 600 s at most are expected"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, make, told):
    make(tmp_path / "a.wav")
    with pytest.raises(ValueError, match=told):
        read_wav(tmp_path / "a.wav")


def test_a_truncated_file_is_refused(tmp_path):
    data = written(tmp_path / "a.wav", np.round(X * 2**15)).read_bytes()
    (tmp_path / "a.wav").write_bytes(data[:-801])
    with pytest.raises(ValueError, match=r"a\.wav is cut off: 1199 of 1600 samples are there; a whole file"):
        read_wav(tmp_path / "a.wav")


def test_a_piped_file_whose_length_was_not_known_is_read(tmp_path):
    data = bytearray(written(tmp_path / "a.wav", np.round(X * 2**15)).read_bytes())
    data[4:8] = data[40:44] = b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(data)
    np.testing.assert_allclose(read_wav(tmp_path / "a.wav")[0], X, atol=2**-16)
