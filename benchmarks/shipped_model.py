"""The models that ship with the package, from runs of their tasks: float16 weights, settings, facts.

numpy-attention train --task text --out runs/text
python -m benchmarks.shipped_model --run runs/text

and likewise for the task spoken-digits.
"""

import argparse
import hashlib

from numpy_attention import nn
from numpy_attention.files import write_json
from numpy_attention.tasks import TASKS
from numpy_attention.tasks.sounds import shipped_recogniser
from numpy_attention.tasks.words import shipped
from numpy_attention.training.run_folder import read_run

SHIPPED = {"text": shipped, "spoken-digits": shipped_recogniser}
"""The module of each task's model, which names its files."""


def main() -> None:
    """Write both files, and print the digest that the module holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", required=True, metavar="DIR")
    run = read_run(parser.parse_args().run, TASKS)
    module = SHIPPED[run.task.name]
    facts, _ = run.task.packed(run.facts)
    nn.save_weights(module.WEIGHTS, run.params, dtype="float16")
    write_json(module.FACTS, {"settings": run.settings._asdict(), "facts": facts})
    digest = hashlib.sha256(module.WEIGHTS.read_bytes()).hexdigest()
    print(f"{module.WEIGHTS.stat().st_size:,} bytes, SHA-256 {digest}")


if __name__ == "__main__":
    main()
