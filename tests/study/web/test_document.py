"""One file that loads nothing, whose policy allows its own style and script alone."""

import base64
import hashlib
import json
import re

from numpy_attention.study.web.document import SCRIPTS, asset, document

PAGE = document("a < b", "<h1>Body</h1>", {"text": "</script><b>", "number": 0.1})


def test_the_policy_names_the_hashes_of_style_and_script():
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', PAGE)[1]
    assert policy.startswith("default-src 'none'; ")
    for kind, text in (("style", re.search("<style>(.*?)</style>", PAGE, re.DOTALL)[1]),
                       ("script", re.findall("<script>(.*?)</script>", PAGE, re.DOTALL)[-1])):  # fmt: skip
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy


def test_data_cannot_end_their_element():
    assert PAGE.count("</script>") == 2
    data = re.search('<script type="application/json" id="data">(.*?)</script>', PAGE)[1]
    assert json.loads(data) == {"text": "</script><b>", "number": 0.1}
    assert "<title>a &lt; b</title>" in PAGE


def test_every_script_is_short_and_joined():
    for name in SCRIPTS:
        assert asset(f"{name}.js").count("\n") < 300
        assert "".join(line.lstrip(" ") for line in asset(f"{name}.js").splitlines(True)) in PAGE
    assert asset("style.css").count("\n") < 300
