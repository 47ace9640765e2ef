"""Every line of docs/limitations.md on seeing, naming and running has a test that shows it, or says why none.

A test is named by its function and, where that has cases, by the name of the case. A line without an entry
skips: nothing shows it.
"""

import re
from pathlib import Path

import pytest

from named_tests import ROOT, missing

PAGE = (ROOT / "docs/limitations.md").read_text()
SECTIONS = ("Seeing", "Naming", "Running: which ways to run a banned tool are ended")

SHOWN_BY: dict[str, tuple[str, ...] | str] = {
    # Seeing
    "**Linux only.**": "the code for other systems has never run",
    "A process that ends before": "a matter of time, as no test is: benchmarks/process_events.py",
    "Without root the agent": (
        "test_of_others_without_the_right_to_look_one_unseen",
        "test_in_another_pid_namespace_it_is_refused_and_polled",
    ),
    "Network, FUSE and": (
        "test_what_may_hang_is_not_entered",
        "test_a_home_that_may_hang_is_named_without_touching_it",
    ),
    "A process that overwrote": (
        "test_a_title_that_is_older_than_we_and_no_package_is_possible",
        "test_a_title_is_likely_where_its_owner_has_the_tools_package",
        "test_a_script_that_was_seen_before_the_title_is_remembered",
    ),
    "Not looked into:": ("test_an_alias_in_a_large_project_is_seen_by_the_link_of_its_program",),
    "Running containers": (
        "test_real_tools_in_a_container",
        "test_more_containers_than_a_look_enters_are_told",
    ),
    "Prefixes in the system": (
        "test_of_a_store_what_is_called_like_a_tool_is_walked",
        "test_a_prefix_in_the_path_is_looked_into",
        "test_caches_and_what_was_noted_already_are_not_entered",
    ),
    "Bounds, each": (
        "test_too_many_files_are_told",
        "test_too_deep_a_tree_is_told_and_ends",
        "test_of_a_bundle_too_large_the_part_left_out_is_told_and_not_read_twice",
        "test_who_uses_up_his_bound_hides_nobody_elses",
    ),
    "Where no filesystem": (
        "test_more_folders_than_can_be_watched_are_unseen",
        "test_without_the_right_to_mark_folders_are_watched",
    ),
    "Of an AppImage only": (
        "test_what_is_merely_carried_along",
        "test_images_that_are_not_looked_into_are_said",
    ),
    "What runs from a mounted AppImage": ("test_what_runs_inside_is_known_by_its_appimage",),
    "A program made by PyInstaller": ("test_a_program_that_brings_a_tool_along",),
    "What was read of a file": (
        "test_what_changes_through_a_mapping_is_read_again_where_no_time_tells_of_it",
        "test_facts_of_a_large_program_are_kept_once_a_store_would_show",
    ),
    "nexe, pkg, Nuitka": "not tried, as it says: their parts could not be had",
    "A Python zip": ("test_a_zip_that_only_brings_it", "test_a_zip_that_starts_a_tool"),
    "A script that is read from a pipe": (
        "test_this_way_still_escapes[a pipe]",
        "test_a_program_is_known_by_what_stands_in_it",
        "test_a_title_over_the_arguments_leaves_no_script",
    ),
    "A script is judged by what": (
        "test_a_script_overwritten_after_its_start_is_taken_for_what_it_became",
        "test_a_program_is_judged_by_the_bytes_that_run",
    ),
    "How each kind of install": ("test_the_answer_is_right_or_a_known_fault",),
    "What runs in a container is judged": (
        "test_what_is_mounted_beside_the_script_is_not_entered",
        "test_no_link_leads_out",
    ),
    "Of a folder with more than": ("test_a_folder_of_countless_names_is_read_in_part",),
    # Naming
    "A project of one's own": (
        "test_ones_own_project_called_droid_was_ended",
        "test_ones_own_python_project_called_llm_was_ended",
    ),
    "A tool whose content marks": (
        "test_its_marks_patched_away_escapes",
        "test_marks_count_in_a_file_that_can_be_a_tool",
    ),
    "Editors on Linux": ("test_an_editor_by_its_product", "test_an_electron_application_by_its_name"),
    "Tools that could only": "what could not be had cannot be tried; the catalog's examples say what counts",
    "Letta Code": "the catalog's own note on letta-code",
    "A program that lies at a vendor": (
        "test_without_package_mark_or_place_nothing_is_ever_more_than_possible",
    ),
    "A script is judged with": (
        "test_files_without_end_are_bounded",
        "test_no_link_is_followed",
        "test_no_mount_is_entered",
    ),
    "A copy of an npm package outside": "not tried: what is not looked for",
    "A Python application that a server": "not tried: what such a program runs is not read",
    "A fork that keeps the tool": "tried by hand with real forks: their programs hold the tool's marks",
    "Copies in a backup": "what is not told apart",
    "A Python tool whose METADATA": "tried by hand: a fork's own name cannot be told from any other dist's",
    "Copies of older versions": ("test_the_answer_is_right_or_a_known_fault",),
    "A tool that a package": ("test_a_program_in_another_package_is_embedded_there",),
    "The Codex application": "macOS only; the catalog's own note on codex",
    "Qoder CN": ("test_a_fork_that_shares_the_code_is_told_by_its_own_package",),
    "Your own tool files": ("test_a_file_that_knows_many_tools_is_a_list_of_them",),
    # Running
    "by any name, hard link": (
        "test_a_renamed_copy",
        "test_the_banned_tool_is_ended_and_all_else_lives",
        "test_the_answer_is_right_or_a_known_fault",
    ),
    "memfd, deleted file": (
        "test_it_is_read_when_its_file_is_gone",
        "test_a_program_run_by_the_loader",
        "test_the_tool_is_recognised_and_its_launcher_is_not_accused[a user namespace]",
    ),
    "`node` or `bun` with": ("test_the_script_run_by_node_is_ended_and_node_is_not[by node]",),
    "`python -m aider`": ("test_a_module_of_the_virtual_environment_that_is_active",),
    "a shell wrapper": ("test_the_tool_is_recognised_and_its_launcher_is_not_accused[a shell function]",),
    "first process of a container": ("test_the_first_process_of_a_container_is_reported_and_not_ended",),
    "`node --import cli.js`": ("test_a_tool_run_this_way_is_certain[node --import]",),
    "a renamed `node`": ("test_a_tool_run_this_way_is_certain[renamed deno]",),
    "`python -m` `pdb`": (
        "test_a_tool_run_this_way_is_certain[python -m pdb]",
        "test_the_tool_is_recognised_and_its_launcher_is_not_accused[python -m debugpy]",
        "test_a_tool_run_this_way_is_certain[ts-node]",
    ),
    "`node -e ": ("test_a_tool_run_this_way_is_certain[node -e, import]",),
    "`node < cli.js`": ("test_a_tool_run_this_way_is_certain[a descriptor of a deleted file]",),
    "the script from a pipe": (
        "test_this_way_still_escapes[a pipe]",
        "test_this_way_still_escapes[the REPL]",
    ),
    "a script that imports it by": ("test_an_entry_script_is_what_it_loads",),
    "`NODE_OPTIONS`": (
        "test_this_way_still_escapes[NODE_OPTIONS]",
        "test_this_way_still_escapes[code that hides the name]",
        "test_this_way_still_escapes[a script that imports it by a name made up]",
    ),
    '`python -c "from': (
        "test_a_tool_run_this_way_is_certain[python -c]",
        "test_a_tool_run_this_way_is_certain[python -c, runpy]",
        "test_a_tool_run_this_way_is_certain[deno eval]",
        "test_what_is_no_tool_is_nothing[python -c that calls the tool's modules as a library]",
    ),
    "`python -c` with": (
        "test_this_way_still_escapes[python -c, a name made up]",
        "test_this_way_still_escapes[PYTHONPATH with -m]",
        "test_this_way_still_escapes[renamed ld.so, renamed node]",
    ),
    "a program made by Electron": ("test_this_way_still_escapes[BUN_BE_BUN]",),
    "a zipapp": ("test_a_zip_that_starts_a_tool", "test_what_pex_unpacked_and_runs"),
    "from an AppImage that mounts": ("test_what_runs_inside_is_known_by_its_appimage",),
    "the tool's script compiled": ("test_compiled_into_one_program",),
    "packed by UPX": ("test_a_large_program_packed_by_upx_cannot_be_judged_and_that_is_said",),
    "pkg with": ("test_what_any_other_packer_packed_still_escapes",),
    "`npx`": ("test_the_tool_is_recognised_and_its_launcher_is_not_accused[npx]",),
    "pm2": ("test_the_tool_is_recognised_and_its_launcher_is_not_accused[pm2]",),
    "a chroot": (
        "test_in_a_chroot",
        "test_a_format_registered_with_the_kernel",
        "test_a_daemon_whose_front_end_and_file_are_gone",
    ),
    "built anew": ("test_built_anew_and_minified",),
    "its marks patched": (
        "test_its_marks_patched_away_escapes",
        "test_obfuscated_escapes",
        "test_packed_escapes",
    ),
    "a script that was renamed": (
        "test_a_script_that_is_gone_by_the_first_look_is_not_seen",
        "test_another_file_mounted_over_the_script_is_taken_for_it",
        "test_a_relative_script_that_went_elsewhere_is_known_if_it_was_seen_before",
    ),
}


def lines() -> list[str]:
    """The points and rows of these sections, each from its first word."""
    found = []
    for title in SECTIONS:
        section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
        assert section, title
        points = re.findall(r"^(?:- |\| )(?!way \||---)(.+)", section, re.MULTILINE)
        found += points
    return found


@pytest.mark.parametrize("line", lines(), ids=lambda line: line[:40])
def test_each_limit_is_shown_by_a_test_or_says_why_not(line: str) -> None:
    if not any(line.startswith(beginning) for beginning in SHOWN_BY):
        pytest.skip("no test is named for this line")


def test_each_test_named_here_exists() -> None:
    named = [name for shown in SHOWN_BY.values() if isinstance(shown, tuple) for name in shown]
    assert [why for name in named if (why := missing(name, Path(__file__)))] == []
