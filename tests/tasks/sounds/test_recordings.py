"""A folder of one's own WAV files: names, silence, held-out speakers, and what is refused."""

import shutil
import wave

import numpy as np
import pytest

from numpy_attention.tasks.sounds.recordings import read_words, split_speakers, trimmed
from numpy_attention.tasks.sounds.wav import write_wav
from tests.support.recordings import write_recordings


@pytest.fixture
def folder(tmp_path):
    return write_recordings(tmp_path / "own")


def test_labels_and_speakers_are_those_of_the_names(folder):
    (folder / "notes.txt").write_text("not a recording")
    words, changes = read_words(folder)
    assert (words.size, words.words, words.speakers) == (24, ("0", "1", "2", "3"), ("ann", "ben_lee", "eve"))
    assert changes == []
    assert words.take.tolist() == [0, 1] * 12
    rows = (words.digit == 2) & (words.speaker == 1)
    assert rows.sum() == 2


def test_silence_is_cut_off_and_words_are_equally_loud(folder):
    words, _ = read_words(folder)
    for clip in words.clips:
        assert 0.1 * 8000 < len(clip) < 8000
        assert abs(np.sqrt((clip**2).mean()) - 0.12) < 1e-4
    x = np.concatenate([np.zeros(800), np.sin(np.arange(4000)), np.zeros(900)])
    word = trimmed("a.wav", x)
    assert abs(len(word) - 4240) <= 80
    np.testing.assert_allclose(trimmed("a.wav", x + 0.25), word, atol=1e-6)


def test_other_rates_and_channels_are_converted_and_said_once(folder):
    for number in range(2):
        with wave.open(str(folder / f"3_max_{number}.wav"), "wb") as file:
            file.setparams((2, 2, 16000, 0, "NONE", ""))
            tone = 9000 * np.sin(np.arange(6000) / 9)
            file.writeframes(np.repeat(tone, 2).astype("<i2").tobytes())
    words, changes = read_words(folder)
    assert changes == ["2 files of 2 channels, averaged", "2 files of 16000 Hz, resampled to 8000 Hz"]
    assert 2900 < len(words.clips[-1]) < 3400


def test_a_quarter_of_the_speakers_is_held_out(folder):
    words, _ = read_words(folder)
    train, test, phrase = split_speakers(words, 0)
    assert phrase == "1 speaker of 3 held out"
    assert len(set(test.speaker)) == 1
    assert not set(test.speaker) & set(train.speaker)
    drawn = {tuple(set(split_speakers(words, seed)[1].speaker)) for seed in range(9)}
    assert len(drawn) == 3
    seven = words._replace(speaker=np.arange(24) % 7, speakers=tuple("abcdefg"))
    assert split_speakers(seven, 0)[2] == "2 speakers of 7 held out"


def test_of_one_speaker_recordings_are_held_out(tmp_path):
    words, _ = read_words(write_recordings(tmp_path / "one", (5,), 3))
    train, test, phrase = split_speakers(words, 0)
    assert phrase == "one speaker, so a fifth of the recordings is held out"
    assert (train.size, test.size) == (8, 4)
    assert sorted(test.digit) == [0, 1, 2, 3]
    assert len({tuple(split_speakers(words, seed)[1].take) for seed in range(9)}) > 1


def test_what_cannot_be_held_out_is_refused(tmp_path):
    words, _ = read_words(write_recordings(tmp_path / "one", (5,), 1))
    with pytest.raises(ValueError, match=r"^one speaker says each word once, so none can be held out"):
        split_speakers(words, 0)
    both, _ = read_words(write_recordings(tmp_path / "two", (5, 9), 1))
    lone = both.some((both.digit < 3) | (both.speaker == 0))
    seed = next(seed for seed in range(9) if split_speakers(both, seed)[1].speaker[0] == 0)
    with pytest.raises(ValueError, match=r"^the word '3' is said by held-out speakers alone"):
        split_speakers(lone, seed)


def silent(folder):
    write_wav(folder / "1_ann_9.wav", np.zeros(800))


def constant(folder):
    write_wav(folder / "1_ann_9.wav", np.ones(810) / 4)


def long(folder):
    write_wav(folder / "1_ann_9.wav", np.sin(np.arange(16000)) / 2)


def lonely(folder):
    for file in folder.glob("[0-2]_*"):
        file.unlink()


CHANGES = {
    "silent": (silent, r"1_ann_9\.wav is silent; a word is expected"),
    "constant": (constant, r"1_ann_9\.wav is silent; a word is expected"),
    "long": (long, r"1_ann_9\.wav has 2\.0 s of sound; one word of 1\.2 s at most is expected"),
    "text": (
        lambda folder: (folder / "1_ann_9.wav").write_text("x"),
        r"1_ann_9\.wav is not a WAV file of PCM",
    ),
    "unnamed": (
        lambda folder: shutil.copy(folder / "1_ann_0.wav", folder / "hello.wav"),
        r"hello\.wav has a name without label and speaker; LABEL_SPEAKER_NUMBER\.wav is expected",
    ),
    "one word": (lonely, r"holds one word, '3'; two or more are expected"),
    "empty": (
        lambda folder: [file.unlink() for file in folder.iterdir()],
        "holds no WAV file; files such as",
    ),
    "gone": (shutil.rmtree, "own is not a folder; a folder of WAV files is expected"),
}


@pytest.mark.parametrize("change, told", CHANGES.values(), ids=CHANGES)
def test_what_is_no_folder_of_words_is_refused(folder, change, told):
    change(folder)
    with pytest.raises(ValueError, match=told):
        read_words(folder)
