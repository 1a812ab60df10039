"""Models from settings and sizes."""

import pytest

from numpy_attention.nn.classifier import AttentionClassifier
from numpy_attention.nn.patch_classifier import PatchClassifier
from numpy_attention.tasks.classification.models import DataSizes
from numpy_attention.tasks.models import attention_classifier, patch_classifier
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


@pytest.mark.parametrize("name, value", [("score", "dot"), ("temperature", "learned")])
def test_a_transformer_of_patches_has_no_other_score(name, value):
    with pytest.raises(ValueError, match=f"^{name} is '{value}'; the task digits has dot-product scores"):
        patch_classifier(PATCHES._replace(**{name: value}), SIZES)


def test_heads_divide_the_width_of_patches_only():
    settings = SETTINGS._replace(heads=4)
    assert attention_classifier(settings, SIZES).heads == 4
    with pytest.raises(ValueError, match=r"^heads is 4; a number that divides hidden_dim, 6, is expected$"):
        patch_classifier(PATCHES._replace(heads=4), SIZES)
