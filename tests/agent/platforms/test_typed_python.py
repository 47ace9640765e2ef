"""What the code of `python -c` starts."""

import pytest

from aipolicy.platforms.interpreters import what_runs
from aipolicy.platforms.typed_python import started_by

CODE = [
    ("from aider.main import main; main()", ["aider.main"]),
    ("import sys\nfrom aider.main import main as start\nsys.exit(start(['x']))", ["aider.main", "sys"]),
    ("import aider.main; aider.main.main()", ["aider.main"]),
    ("import aider.main as a; a.main()", ["aider.main"]),
    ("from aider import main; main.main()", ["aider.main"]),
    ("from aider.main import (check, main); main()", ["aider.main"]),
    ("runpy.run_module('aider', run_name='__main__')", ["aider.__main__", "aider"]),
    ("from aider.main import main", []),
    ("import aider; print(aider.__version__)", []),
    ("print('from aider.main import main; main()')", []),
    ("x = \"runpy.run_module('aider')\"", []),
    ("1 # ; from aider.main import main; main()", []),
]


@pytest.mark.parametrize(("code", "modules"), CODE, ids=[code for code, _ in CODE])
def test_the_modules_whose_functions_it_calls(code: str, modules: list[str]) -> None:
    assert [module.decode() for module in started_by(code.encode())] == modules


@pytest.mark.parametrize("options", [["-c"], ["-Ic"], ["-X", "dev", "-c"]])
def test_the_code_itself_goes_nowhere(options: list[str]) -> None:
    words = ["python3", *options, "from a.b import c; c('SECRET')", "SECRET"]
    ran = what_runs(b"/usr/bin/python3", [word.encode() for word in words])
    assert ran is not None
    assert ran.loads == (b"a.b",)
    assert "SECRET" not in repr(ran)
