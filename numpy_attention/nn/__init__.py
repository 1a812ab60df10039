"""Layers: frozen values of their sizes, with the parameters outside, in nested dicts of arrays.

    params = layer.init(rng)
    out, saved = layer.forward(params, *inputs, **options)
    d_inputs, d_params = layer.backward(d_out, saved)

Read `layer` and `linear`, then `multi_head_attention`, `transformer`, `language_model` and `generation`; the
tasks' models are `classifier`, `patch_classifier`, `token_scores`; `temperature` and `adaptive` are what
heads learn of themselves; `interventions` look into all of them. Imports NumPy, `functional`, `optim`.
"""

from .composition import Residual, Sequential
from .detector import Detector
from .dropout import Dropout
from .embedding import Embedding
from .encoder_classifier import EncoderClassifier
from .feed_forward import FeedForward
from .generation import generate
from .interventions import Watch
from .kv_cache import KVCache, ModelCache
from .language_model import LanguageModel
from .layer import Layer
from .linear import Linear
from .multi_head_attention import MultiHeadAttention
from .norms import LayerNorm, RMSNorm
from .parameters import count_parameters
from .pooled_words import PooledWords
from .pooling import AttentionPooling
from .positions.added import Learned, Sinusoidal
from .positions.alibi import ALiBi, alibi_slopes
from .positions.buckets import T5Buckets, t5_buckets
from .positions.joined import Joined
from .positions.rotary import Rotary
from .positions.scaling import LinearScaling, NTKScaling, YaRNScaling
from .positions.shaw import Shaw
from .positions.span import AdaptiveSpan
from .positions.transformer_xl import TransformerXL
from .sampling import next_token_probabilities, penalise_repetition
from .seq2seq import Seq2Seq
from .sound_picture_matcher import SoundPictureMatcher
from .speech_synthesizer import SpeechSynthesizer
from .transformer import TransformerDecoderLayer, TransformerEncoderLayer
from .transformer_stack import TransformerDecoder, TransformerEncoder
from .vision_transformer import VisionTransformer
from .visual_answerer import VisualAnswerer
from .weights.files import load_weights, save_weights
from .weights.hugging_face import from_bert, from_gpt2, from_llama, from_vit
from .weights.torch_names import from_torch, to_torch

__all__ = [
    "ALiBi",
    "AdaptiveSpan",
    "AttentionPooling",
    "Detector",
    "Dropout",
    "Embedding",
    "EncoderClassifier",
    "FeedForward",
    "Joined",
    "Layer",
    "KVCache",
    "LanguageModel",
    "LayerNorm",
    "ModelCache",
    "Learned",
    "Linear",
    "LinearScaling",
    "MultiHeadAttention",
    "NTKScaling",
    "PooledWords",
    "RMSNorm",
    "Residual",
    "Rotary",
    "Seq2Seq",
    "Sequential",
    "Shaw",
    "Sinusoidal",
    "SoundPictureMatcher",
    "SpeechSynthesizer",
    "T5Buckets",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
    "TransformerXL",
    "VisionTransformer",
    "VisualAnswerer",
    "Watch",
    "YaRNScaling",
    "alibi_slopes",
    "count_parameters",
    "t5_buckets",
    "from_bert",
    "from_gpt2",
    "from_llama",
    "from_torch",
    "from_vit",
    "generate",
    "load_weights",
    "next_token_probabilities",
    "penalise_repetition",
    "save_weights",
    "to_torch",
]
