"""Classification: examples of some tokens each, pooled by attention; which class is it?

Read classification.py first, the kind of task; then data, cleaning, models, evaluation, objective (what the
loop trains), comparison (models side by side), facts (what a run folder keeps of the data), mixing; then what
is printed or drawn: records, report, pictures.
"""
