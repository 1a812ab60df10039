"""Positions, as values that a layer takes.

    added to embeddings        Sinusoidal, Learned
    turning queries and keys   Rotary, with its scalings Linear, NTK and YaRN
    added to the scores        ALiBi, T5Buckets
    both scores and values     Shaw; scores with terms of their own: TransformerXL
    hiding what is far         AdaptiveSpan; several of these at once: Joined

The first two are layers of x; the others go into MultiHeadAttention(…, positions=…), which asks of them what
`attention_positions` says. Read that first.
"""
