"""What a reader relies on in the source code, held at every change. `make metrics` prints all figures."""

from __future__ import annotations

from tests.support.code_metrics import code_figures, repeated_class_names, source_files, stop_list_modules

FILES = source_files()


def test_a_public_class_name_has_one_meaning():
    """A class that a search finds twice makes every reader ask which one is meant."""
    assert repeated_class_names(FILES) == {}


def test_modules_are_named_for_their_concept():
    assert stop_list_modules(FILES) == []


def test_no_loop_calls_its_variable_each():
    assert {str(file.path): file.each_loops for file in FILES if file.each_loops} == {}


def test_no_function_is_longer_than_a_screen():
    too_long = [
        (str(file.path), function.name)
        for file in FILES
        for function in file.functions
        if (function.end_lineno or 0) - function.lineno + 1 > 60
    ]
    assert too_long == []


def test_no_file_is_longer_than_420_lines():
    assert [str(file.path) for file in FILES if file.lines > 420] == []


def test_an_aim_is_reached_or_has_a_reason():
    assert [figure.name for figure in code_figures() if not figure.reached and not figure.reason] == []
