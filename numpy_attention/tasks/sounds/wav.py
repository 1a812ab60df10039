"""WAV files: read any common form as samples at 8 kHz, write 16 bits; by the standard library's `wave`."""

import io
import wave
from pathlib import Path

import numpy as np

from ...files import PathLike, write_bytes
from ...functional.base.admission import Array
from .spectrogram import RATE

CROSSINGS = 16
"""Zero crossings of the sinc on each side."""
BLOCK = 4096
"""Samples of a block of `resampled`."""
RATES = (4000, 400_000)
"""Limits of the samples a second of a file."""
MOST_SECONDS = 600
"""The longest recording that is read."""
UNKNOWN_LENGTH = 2**31 - 2**16
"""Bytes from which the length in a header only says that it was not known yet: the file was piped."""


def read_wav(path: PathLike) -> tuple[Array, list[str]]:
    """Samples (n,) of a WAV file at 8 kHz, from -1 to 1, and a sentence for each change that was made.

    8, 16, 24 or 32 bits a sample; channels are averaged; another rate is resampled.

    Raises
    ------
    ValueError
        If it is no WAV file, is cut off or compressed, holds no sample, or is too long.
    OSError
        If it cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        with wave.open(io.BytesIO(_plain_header(data))) as file:
            channels, width, rate, count = file.getparams()[:4]
            raw = file.readframes(count)
    except (wave.Error, EOFError, RuntimeError) as error:
        reason = f": {error}" if str(error) else ""
        raise ValueError(f"{path} is not a WAV file of PCM samples{reason}; one is expected") from None
    if width > 4 or not RATES[0] <= rate <= RATES[1]:
        raise ValueError(
            f"{path} has samples of {8 * width} bits at {rate} Hz; 8, 16, 24 or 32 bits and "
            f"{RATES[0]} to {RATES[1]} Hz are expected"
        )
    size, there = channels * width, len(raw) // (channels * width)
    if there < count and count * size < UNKNOWN_LENGTH:
        raise ValueError(f"{path} is cut off: {there} of {count} samples are there; a whole file is expected")
    samples = _numbers(raw[: there * size], width)
    if not samples.size:
        raise ValueError(f"{path} holds no sample; a recording is expected")
    if samples.size > MOST_SECONDS * rate * channels:
        raise ValueError(
            f"{path} is {samples.size / rate / channels:.0f} s long; {MOST_SECONDS} s at most are expected"
        )
    x, notes = samples.reshape(-1, channels).mean(axis=1), []
    if channels > 1:
        notes.append(f"{channels} channels, averaged")
    if rate != RATE:
        x = resampled(x, rate)
        notes.append(f"{rate} Hz, resampled to {RATE} Hz")
    return x, notes


def _plain_header(data: bytes) -> bytes:
    """The file with the format EXTENSIBLE named PCM where it is; `wave` knows it from Python 3.12 on."""
    place = data.find(b"fmt ")
    if (
        place >= 0
        and data[place + 8 : place + 10] == b"\xfe\xff"
        and data[place + 32 : place + 34] == b"\1\0"
    ):
        return data[: place + 8] + b"\1\0" + data[place + 10 :]
    return data


def _numbers(raw: bytes, width: int) -> Array:
    """Samples from -1 to 1 of little-endian integers of that many bytes; a single byte is unsigned."""
    values = np.frombuffer(raw, np.uint8).reshape(-1, width)
    if width == 1:
        return np.asarray(values[:, 0] / 128.0 - 1)
    widened = np.zeros((len(values), 4), np.uint8)
    widened[:, 4 - width :] = values
    return np.asarray(widened.view("<i4")[:, 0] / 2.0**31)


def resampled(x: Array, rate: int) -> Array:
    """x (n,) of another rate at 8 kHz, by a windowed sinc; nothing above half of either rate gets through.

    y[m] = Σ_k x[k] c sinc(c t) w(c t / CROSSINGS),   t = m rate / RATE - k,   c = min(1, RATE / rate),
    w Hann's window

    Smith 2002, Digital Audio Resampling.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 500 * np.arange(44100) / 44100)
    >>> y = resampled(tone, 44100)
    >>> len(y), bool(np.abs(y - np.sin(2 * np.pi * 500 * np.arange(8000) / 8000))[100:-100].max() < 0.001)
    (8000, True)
    """
    c = min(1.0, RATE / rate)
    reach = int(np.ceil(CROSSINGS / c))
    padded = np.pad(x, reach + 1)
    size, parts = max(round(len(x) * RATE / rate), 1), []
    for first in range(0, size, BLOCK):
        m = np.arange(first, min(first + BLOCK, size))
        at = m * (rate / RATE)
        k = np.floor(at).astype(int)[:, None] + np.arange(-reach, reach + 2)
        t = c * (at[:, None] - k)
        kernel = c * np.sinc(t) * np.where(np.abs(t) < CROSSINGS, 1 + np.cos(np.pi * t / CROSSINGS), 0) / 2
        parts.append((padded[np.minimum(k + reach + 1, len(padded) - 1)] * kernel).sum(axis=1))
    return np.concatenate(parts)


def write_wav(path: PathLike, samples: Array) -> None:
    """Write samples (n,) from -1 to 1 as a WAV file of 16 bits at 8 kHz, whole or not at all; louder is cut.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_wav(f"{folder}/a.wav", np.array([0.0, 0.5, -2.0]))
    ...     read_wav(f"{folder}/a.wav")
    (array([ 0. ,  0.5, -1. ]), [])
    """
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
        file.writeframes(np.clip(np.round(samples * 2**15), -(2**15), 2**15 - 1).astype("<i2").tobytes())
    write_bytes(path, data.getvalue())
