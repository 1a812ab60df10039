"""docs/article.md in torch: the listing's errors one by one, and the mended one beside our gradients."""

import doctest
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "article.md"
BLOCK = re.compile(r"^<!-- torch (\w+) -->\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks():
    """(mark, text) of each block about torch, in order."""
    return BLOCK.findall(PAGE.read_text(encoding="utf-8"))


def mended(listing, diff):
    """The listing after a diff, whose lines without + stand there once."""
    before = "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] != "+")
    after = "".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] != "-")
    assert listing.count(before) == 1, diff
    return listing.replace(before, after)


def numbers_of_the_page():
    """What the page's NumPy examples define."""
    (test,) = [
        doctest.DocTestParser().get_doctest(PAGE.read_text(encoding="utf-8"), {}, "article", str(PAGE), 0)
    ]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    with np.printoptions():  # the page changes them
        runner.run(test, out=io.StringIO().write, clear_globs=False)
    return test.globs


@pytest.fixture(scope="module")
def page():
    return numbers_of_the_page()


@pytest.fixture
def torch(peer):
    """torch in float64, in which the gradients can be compared to the last digits."""
    torch = peer("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(before)


def dataset(torch, page):
    return torch.utils.data.TensorDataset(torch.from_numpy(page["x"]), torch.from_numpy(page["y"]))


def test_the_printed_listing_fails_as_the_page_says_until_it_is_mended(torch, page):
    listing, raised = "", 0
    for mark, text in blocks():
        if mark == "printed":
            listing = text
        elif mark == "mend":
            listing = mended(listing, text)
        elif mark == "raises":
            kind, _, message = text.strip().partition(": ")
            with pytest.raises(Exception, match=re.escape(message)) as error:
                exec(listing, {"dataset": dataset(torch, page)})
            assert type(error.value).__name__ == kind
            raised += 1
        else:
            assert mark == "corrected"
            assert text == listing
    assert raised == 5
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(listing, {"dataset": dataset(torch, page)})
    losses = [float(line.rpartition(" ")[2]) for line in printed.getvalue().splitlines()]
    assert len(losses) == 10
    assert losses[-1] < losses[0]


def corrected_model(torch, page):
    """The model of the corrected listing, with the parameters of the page."""
    (listing,) = (text for mark, text in blocks() if mark == "corrected")
    names = {"dataset": dataset(torch, page)}
    with redirect_stdout(io.StringIO()):
        exec(listing, names)
    model = names["AttentionModel"](4, 8)
    shapes = {name: p.shape for name, p in model.named_parameters()}
    state = {name: torch.tensor(x).reshape(shapes[name]) for name, x in page["start"].items()}
    model.load_state_dict(state)
    return model, names["criterion"]


def test_both_models_have_equal_gradients(torch, page):
    model, criterion = corrected_model(torch, page)
    loss = criterion(model(torch.from_numpy(page["x"])), torch.from_numpy(page["y"]))
    loss.backward()
    ours, d = page["loss_and_gradients"](page["start"], page["x"], page["y"])
    assert abs(loss.item() - ours) < 1e-15
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(
            parameter.grad.numpy().ravel(), np.ravel(d[name]), rtol=0, atol=1e-15, err_msg=name
        )


def test_both_trainings_have_equal_losses(torch, page, capsys):
    model, criterion = corrected_model(torch, page)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = torch.from_numpy(page["x"]), torch.from_numpy(page["y"])
    order, losses = np.random.default_rng(1), []
    for _ in range(10):
        total, places = 0.0, order.permutation(len(y))
        for first in range(0, len(y), 32):
            batch = places[first : first + 32]
            optimizer.zero_grad()
            loss = criterion(model(x[batch]), y[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(f"{total / len(y):.4f}")
    page["train"](page["x"], page["y"], lr=0.01)
    printed = re.findall(r"Epoch \[(\d+)/10\], Loss: (.*)", capsys.readouterr().out)
    assert printed == [(str(n), losses[n - 1]) for n in (1, 2, 5, 10)]
