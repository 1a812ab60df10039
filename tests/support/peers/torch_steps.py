"""The seven steps of attention, and the functions composed of them, in torch; see `torch_formulas.py`."""

import math

from numpy_attention.functional.masks.mask import visible_pairs

INF = math.inf

# ------------------------------------------------------------------------------- the seven steps


def repeated(torch, x, heads):
    """Query head h reads key head h // (H / G)."""
    return x if x.ndim == 2 else x.repeat_interleave(heads // x.shape[-3], dim=-3)


def score(torch, query, key, scale):
    key = repeated(torch, key, query.shape[-3] if query.ndim > 2 else 1)
    return scale * (query @ key.transpose(-1, -2))


def softcap(torch, scores, softcap):
    return softcap * torch.tanh(scores / softcap)


def bias(torch, capped, bias):
    return capped + bias


def mask(torch, biased, visible):
    return torch.where(visible, biased, -INF)


def columns_of(torch, masked, sinks):
    if sinks is None:
        return masked
    return torch.cat([masked, sinks[..., None, None].expand(*masked.shape[:-1], 1)], dim=-1)


def softmax_step(torch, masked, sinks=None, visible=None):
    """weights 0 and lse -inf for rows that are all -inf, where torch gives NaN."""
    columns = columns_of(torch, masked, sinks)
    if not columns.shape[-1]:
        return masked, masked.new_full(masked.shape[:-1], -INF)
    attends = ~torch.isneginf(columns).all(dim=-1, keepdim=True)
    safe = torch.where(attends, columns, 0.0)
    weights = torch.where(attends, torch.softmax(safe, dim=-1), 0.0)
    lse = torch.where(attends[..., 0], torch.logsumexp(safe, dim=-1), -INF)
    return weights[..., : masked.shape[-1]], lse


def dropout(torch, weights, multipliers):
    return weights * multipliers


def values(torch, thinned, value):
    return thinned @ repeated(torch, value, thinned.shape[-3] if thinned.ndim > 2 else 1)


def sigmoid_weights(torch, masked, sinks=None, visible=None):
    """torch.sigmoid key by key; lse is that of softmax."""
    return torch.sigmoid(masked), softmax_step(torch, masked, sinks)[1]


# ------------------------------------------------------------------------- their composition


def steps_2_to_7(torch, scores, value, mask_value=None, bias_value=None, cap=None, sinks=None, drop=None):
    """(out, weights, lse) from scores that have all batch axes."""
    shape = tuple(scores.shape)
    visible = visible_pairs(mask_value, shape)
    visible = torch.ones(shape, dtype=torch.bool) if visible is None else torch.tensor(visible)
    if cap is not None:
        scores = softcap(torch, scores, cap)
    if bias_value is not None:
        shown = ~torch.isneginf(bias_value)
        visible = visible & shown
        scores = bias(torch, scores, torch.where(shown, bias_value, 0.0))
    weights, lse = softmax_step(torch, mask(torch, scores, visible), sinks)
    thinned = weights
    if drop is not None:
        thinned = dropout(torch, weights, torch.tensor(drop.array(shape)) if hasattr(drop, "array") else drop)
    return values(torch, thinned, value), weights, lse


def all_outputs(
    torch, query, key, value, mask=None, bias=None, scale=None, softcap=None, sinks=None, dropout=None
):
    scale = 1 / math.sqrt(query.shape[-1] or 1) if scale is None else scale
    scores = score(torch, query, key, scale)
    batch = torch.broadcast_shapes(*(x.shape[:-3] for x in (query, key, value)))
    scores = scores.expand(*batch, *scores.shape[-3:]) if scores.ndim > 2 else scores
    return steps_2_to_7(torch, scores, value, mask, bias, softcap, sinks, dropout)


def attention(torch, query, key, value, **options):
    return all_outputs(torch, query, key, value, **options)[0]


def attend(torch, scores, value, mask=None, bias=None, softcap=None, sinks=None, dropout=None):
    batch = torch.broadcast_shapes(scores.shape[:-3], value.shape[:-3])
    scores = scores.expand(*batch, *scores.shape[-3:]) if scores.ndim > 2 else scores
    return steps_2_to_7(torch, scores, value, mask, bias, softcap, sinks, dropout)[0]


def alibi(torch, query, key, value, parameter, argument_4=None, argument_5=None):
    """-slope * |position - s|, the position by corner (argument_4) or offset (argument_5)."""
    L, S = query.shape[-2], key.shape[-2]
    offset = {"bottom_right": S - L, None: argument_5}[argument_4]
    distance = (torch.arange(L)[:, None] + offset - torch.arange(S)).abs()
    return attention(torch, query, key, value, bias=-parameter[..., None, None] * distance)


def relative(torch, query, key, value, parameter, argument_4):
    return attention(torch, query, key, value, bias=parameter[..., argument_4])
