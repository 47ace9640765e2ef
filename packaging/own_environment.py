"""Takes back what the bootloader put into our environment, before any code of ours runs.

LD_LIBRARY_PATH would make the system's programs that we start (busctl, rpm) load the bundle's libraries:
https://pyinstaller.org/en/stable/runtime-information.html#ld-library-path-libpath-considerations. The rest
would tell a part that we start that it is a child of ours and shares our files.
"""

import os

_before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
os.environ.pop("LD_LIBRARY_PATH", None)
if _before is not None:
    os.environ["LD_LIBRARY_PATH"] = _before
for _name in [name for name in os.environ if name.startswith("_PYI_")]:
    del os.environ[_name]
