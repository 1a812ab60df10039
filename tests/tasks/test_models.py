"""Models from settings and sizes."""

import pytest

from numpy_attention import nn
from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.nn.patch_classifier import PatchClassifier
from numpy_attention.tasks.classification.models import DataSizes
from numpy_attention.tasks.models import attention_classifier, patch_classifier, refuse_scores
from numpy_attention.training.settings import Settings

SIZES = DataSizes(tokens=7, input_dim=5, outputs=3)
SETTINGS = Settings(hidden_dim=6, heads=2, score="dot", temperature="learned")
PATCHES = Settings(task="digits", hidden_dim=6, heads=2, layers=3)


def test_sizes_and_settings_become_those_of_the_model():
    assert attention_classifier(SETTINGS, SIZES) == AttentionClassifier(
        input_dim=5, hidden_dim=6, heads=2, score="dot", outputs=3, temperature="learned"
    )
    assert patch_classifier(PATCHES, SIZES) == PatchClassifier(
        input_dim=5, tokens=7, hidden_dim=6, heads=2, layers=3, outputs=3
    )


def test_a_transformer_of_patches_has_no_other_score():
    with pytest.raises(ValueError, match=r"^score is 'dot'; the task digits has dot-product scores"):
        patch_classifier(PATCHES._replace(score="dot"), SIZES)


def test_only_attention_that_adapts_learns_a_temperature():
    learned = PATCHES._replace(temperature="learned")
    refuse_scores(learned, adaptive=True)
    with pytest.raises(
        ValueError, match=r"^temperature is 'learned'; the task digits has dot-product scores"
    ):
        refuse_scores(learned)


def test_what_is_learned_reaches_the_attention_of_patches_but_not_its_uniform_baseline():
    settings = PATCHES._replace(temperature="learned", normaliser="entmax", span=2)
    model = patch_classifier(settings, SIZES._replace(tokens=9))
    assert model.transformer.span == nn.AdaptiveSpan(2, context=3, ramp=2, columns=3)
    names = model.shapes()["layers"]["0"]["self_attn"]
    assert {"log_temperature", "alpha_logit", "positions"} <= set(names)
    assert (
        ", learned temperatures, entmax of learned alpha, learned spans: "
        in model.steps(9)["allocate attention"]
    )
    assert (
        model.with_uniform_weights()
        == patch_classifier(PATCHES, SIZES._replace(tokens=9)).with_uniform_weights()
    )


def test_heads_divide_the_width_of_patches_only():
    settings = SETTINGS._replace(heads=4)
    assert attention_classifier(settings, SIZES).heads == 4
    with pytest.raises(ValueError, match=r"^heads is 4; a number that divides hidden_dim, 6, is expected$"):
        patch_classifier(PATCHES._replace(heads=4), SIZES)
