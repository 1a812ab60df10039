"""Is an attention right? Ours, and anybody's: references, derivatives, laws, planted faults and a referee.

Read bottom-up; a folder imports only those before it, and `functional`:

    rounding    formats, error analysis, fifty-digit arithmetic
    reference   the oracle, error bounds, and how exact results are
    pairs       is a backward the derivative of its forward? The list of all pairs
    laws, faults   identities that need no reference; known mistakes, planted, and what detects each
    cases, candidate, referee   another system's attention: problems, calling it, judging it
    outside     another system's softmax, norms, losses, optimizers, …
"""
