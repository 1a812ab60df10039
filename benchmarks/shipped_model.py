"""The model that ships with the package, from a run of the task text: float16 weights, settings, vocabulary.

numpy-attention train --task text --out runs/text
python -m benchmarks.shipped_model --run runs/text
"""

import argparse
import hashlib

from numpy_attention import nn
from numpy_attention.files import write_json
from numpy_attention.tasks import TASKS
from numpy_attention.tasks.words.shipped import FACTS, WEIGHTS
from numpy_attention.training.run_folder import read_run


def main() -> None:
    """Write both files, and print the digest that tasks/words/shipped.py holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", required=True, metavar="DIR")
    run = read_run(parser.parse_args().run, TASKS)
    facts, _ = run.task.packed(run.facts)
    nn.save_weights(WEIGHTS, run.params, dtype="float16")
    write_json(FACTS, {"settings": run.settings._asdict(), "facts": facts})
    print(f"{WEIGHTS.stat().st_size:,} bytes, SHA-256 {hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
