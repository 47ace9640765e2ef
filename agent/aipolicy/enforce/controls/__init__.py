"""The vendors' own controls: managed settings that make a banned tool refuse by itself, whatever its name.

One module per vendor's control. The tools obey by their own will: it is the first layer, never the only one.
"""

from typing import Final

from aipolicy.enforce.controls import claude_code, codex, gemini_cli, qwen_code, vscode
from aipolicy.enforce.controls.control import Control

CONTROLS: Final[tuple[Control, ...]] = (claude_code, codex, gemini_cli, qwen_code, vscode)
"""Every control there is; a test fails when a module is missing."""
