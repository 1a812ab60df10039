"""The models that a run trains side by side."""

from numpy_attention.nn.logistic import Logistic
from numpy_attention.nn.token_scores import UNIFORM
from numpy_attention.tasks import TASKS
from numpy_attention.tasks.classification.comparison import models_of, models_to_train
from numpy_attention.tasks.classification.models import DataSizes
from numpy_attention.training.settings import Settings
from tests.support.runs import begin, settings_of

SIZES = DataSizes(3, 5, 7)


def test_the_task_s_model_and_the_same_with_uniform_weights():
    settings = Settings(heads=2, hidden_dim=4)
    models = models_to_train(TASKS["digits"], settings, SIZES)
    assert list(models) == ["learned", "uniform"]
    assert models["learned"] == TASKS["digits"].model(settings, SIZES)
    assert models["uniform"] == models["learned"].with_uniform_weights()
    assert models_to_train(TASKS["npz"], settings, SIZES)["uniform"].score == UNIFORM


def test_logistic_regression_only_where_the_task_has_it():
    models = models_to_train(TASKS["csv"], Settings(), SIZES)
    assert list(models) == ["learned", "uniform", "logistic"]
    assert models["logistic"] == Logistic(*SIZES)


def test_a_start_from_another_run_adds_one_from_scratch():
    run = begin(settings_of(start_from="run"))
    models = models_of(run)
    assert list(models) == ["learned", "uniform", "scratch"]
    assert models["scratch"] == models["learned"]
