"""What a law's domain is made of: what it needs, and the features of a call with which it does not hold."""

from enum import Enum


class InsufficientEvidence(Exception):
    """A law cannot be decided for this call; the message is the reason."""


class Need(Enum):
    """An array that must be given, or a condition that the call must meet."""

    OUT = "out"
    WEIGHTS = "weights"
    LSE = "lse"
    SCALE = "scale"
    D_OUT = "d_out"
    D_QUERY = "d_query"
    D_KEY = "d_key"
    D_VALUE = "d_value"
    D_BIAS = "d_bias"
    D_SCALE = "d_scale"
    D_SINKS = "d_sinks"
    D_SCORES = "d_scores"
    AGAIN = "again"
    DOT_SCORES = "dot scores"
    CONCAT_SCORES = "concat scores"
    IDENTITY_ACTIVATION = "an identity activation"
    BOUNDED_SCORES = "bounded scores"
    MASKED_ROW = "a fully masked row"
    MASKED_KEY = "a fully masked key"
    ROW_WITH_ONE_KEY = "a row with one visible key"
    NO_LOOK_AHEAD = "a mask without look-ahead"
    SHARED_HEADS = "heads that share keys"
    TWO_SAMPLED_ROWS = "two sampled rows"


class Feature(Enum):
    """A feature in use in a call."""

    SOFTCAP = "softcap"
    SINKS = "sinks"
    SINKS_WITHOUT_LSE = "sinks without lse"
    SINKS_AND_D_WEIGHTS = "sinks and d_weights"
    DROPOUT = "dropout"
    DROPOUT_FROM_SEED = "dropout drawn from a seed"
    D_WEIGHTS = "d_weights"
    MASK = "a mask"
    MASK_BY_QUERY = "a mask that varies along queries"
    BIAS_BY_POSITION = "a bias computed from positions"
    BIAS_BY_KEY = "a bias that varies along keys"
    BIAS_BY_QUERY = "a bias that varies along queries"
    SCALE_BY_KEY = "a scale that varies along keys"
