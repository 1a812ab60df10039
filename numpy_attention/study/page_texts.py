"""The sentences of a page: each word that needs one is explained where it is first met."""

import math

from .example import WalkExample

READING = """
Row l of the scores and weights belongs to query l, column s to key s. Each step begins with its plain line.
Below are the lines of this package that ran; they also handle masks, grouped heads and extreme numbers. A
function in them is explained where it first occurs. Then come the arrays that these lines read and computed.
A plain 0 is exactly 0. core.py has the same steps on one page.
"""

LAWS = """
A law is a relation that right numbers keep whatever the inputs are, so it can be checked without a second
program. It is shown at its worst entry, the one that comes closest to breaking it. A law with a number is
stated in general, and proved, by: numpy-attention laws NUMBER.
"""

UPWARDS = """
Backward starts from d_out, the gradient of a loss with respect to out, also called the cotangent of out. It
comes from whatever follows attention: with the loss ½ Σ (out - target)², for example, d_out is out - target.
Which loss it was does not matter any more; the simplest one with this gradient is Σ d_out * out{lse}. Going
up, each step receives the gradient of its result and returns the gradients of its inputs.
"""

LSE = " + Σ d_lse * lse"

COMPLEX_STEP = """
Beside each gradient is the same one by the complex step, which needs no backward: add 1e-100 i to one entry
of the array and run forward; the imaginary part of the loss, divided by 1e-100, is the derivative. Nothing is
subtracted, so it is right to the last digits.
"""

PINNED = """
The lines below first subtract from each row of d_weights its entry at the row's largest weight: a row of
weights, its sink included, sums to 1, so no gradient changes, but where one weight is almost 1 the plain line
would subtract nearly equal numbers and lose up to 14 of its 16 digits.
"""

SCALE = """
scale = 1/√D = 1/√{D} = {scale:.4f} by default: a dot product of D numbers of size 1 has size √D, and the
scale takes that out, so that wide heads do not make the softmax pick one key.
"""

GIVEN_SCALE = "The scale here is {given:.4g}, which was given."

LOCATION = """
Whose query is in a location score? Nobody's: it looks at the key alone, and the learned weight stands where
a query would, the same one for every row. So all rows of scores are equal, the gradients of the rows add up,
and d_query is 0.
"""

BOTTOM_RIGHT = """
The queries belong to the last {L} of the {S} keys, so query l stands at key l + {shift}: this is what
'bottom_right' means.
"""

TOP_LEFT = "The queries belong to the first {L} of the {S} keys: this is what 'top_left' means."

GROUPED = """
Query head h reads key head h // {n}, so {n} query heads share the keys and values of one key head, and their
gradients add up.
"""

STEP_0 = """
A model learns W_Q, W_K and W_V; attention's seven steps begin with what they make of the tokens.
"""

HEADS = """
Head h has {D} columns of query, those that rows {D}h to {D}h + {last} of W_Q make.
"""

THREE_PATHS = """
x goes three ways, into query, key and value, so its gradient is the sum of three: from_query, from_key and
from_value.
"""

CROSS_PATHS = """
x goes into query alone; memory goes two ways, into key and value, so its gradient is the sum of from_key and
from_value.
"""

MARK = "≠"
MARKED = f"""
The mark {MARK} after a name: these numbers differ from those of the correct steps.
"""

CONSISTENT = """
Everything on this page is consistent: forward and backward contain the same error, which only a comparison
with the correct steps reveals.
"""

OVERFLOW = "exp overflows: this is why step 5 subtracts the largest score first"


def example_text(name: str) -> str:
    """How to print the correct steps, if a command does; what the numbers are for, if none does."""
    if not name.startswith("explain"):
        return f"The example is made for this fault: {name}." if name else ""
    return f"Those are printed by: numpy-attention {name}."


def down_texts(step: str, example: WalkExample) -> list[str]:
    """What a page says about a forward step."""
    L, D, S = *example.query.shape[-2:], example.key.shape[-2]
    if step == "project":
        heads = HEADS.format(D=D, last=D - 1) if example.query.ndim > 2 else ""
        return [STEP_0 + heads]
    if step == "score":
        of_location = LOCATION if example.score == "location" else ""
        return [_scale_text(example, D), of_location, _groups_text(example)]
    mask = repr(example.options["mask"])
    if step == "mask" and "bottom_right" in mask:
        return [BOTTOM_RIGHT.format(L=L, S=S, shift=S - L)]
    return [TOP_LEFT.format(L=L, S=S)] if step == "mask" and "top_left" in mask else []


def up_texts(step: str, example: WalkExample, *, own: bool) -> list[str]:
    """What a page says about a backward step; `own` if it is the package's own, without a planted fault."""
    if step == "softmax" and own:
        return [PINNED]
    if step == "project" and example.projection is not None:
        return [THREE_PATHS if example.projection.memory is None else CROSS_PATHS]
    return []


def _scale_text(example: WalkExample, D: int) -> str:
    """What the default scale of dot scores is, and whether this is it; "" for other scores."""
    default, scale = 1 / math.sqrt(D or 1), example.options.get("scale")
    if scale is None:
        return ""
    text = SCALE.format(D=D, scale=default)
    return text if scale == default else text + GIVEN_SCALE.format(given=float(scale))


def _groups_text(example: WalkExample) -> str:
    """How query heads share key heads; "" if they do not."""
    shares = example.query.ndim > 2 and len(example.query) > len(example.key)
    return GROUPED.format(n=len(example.query) // len(example.key)) if shares else ""
