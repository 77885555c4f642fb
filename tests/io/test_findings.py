"""Many problems are told in few lines."""

from mdjax.io.findings import Findings, Problem, get_pair_names, group_problems


def test_a_problem_of_its_own_kind_stays_as_it_is() -> None:
    problems = ["a.txt, line 3: class 9 is unknown.", "b.png: file is missing.", "has no splits."]
    assert group_problems(problems) == (problems, True)
    assert group_problems([]) == ([], True)


def test_equal_problems_are_one_line_with_count_and_three_places() -> None:
    problems = [f"{name}.png: file is missing." for name in "abcde"]
    (line,), is_complete = group_problems(problems)
    assert not is_complete
    assert line == "5 times: file is missing. (a.png; b.png; c.png; and 2 more)"
    line = "3 times: file is missing. (a.png; b.png; c.png)"
    assert group_problems(problems[:3]) == ([line], True)


def test_problems_that_differ_in_numbers_alone_are_of_one_kind() -> None:
    problems = ["a.txt, line 1: is '0 .5 1.25e-01'.", "a.txt, line 22: is '-3 .75 7'."]
    line = "2 times, such as: is '0 .5 1.25e-01'. (a.txt, line 1; a.txt, line 22)"
    assert group_problems(problems) == ([line], False)


def test_problems_with_other_words_are_of_other_kinds() -> None:
    """Each unknown class needs a remedy of its own."""
    problems = ["1: class 'bike' is unknown.", "2: class 'bus' is unknown."]
    assert group_problems(problems) == (problems, True)


def test_of_many_kinds_the_first_are_shown() -> None:
    """15 kinds and a line for the other 5."""
    problems = [f"a: no {chr(97 + i)}." for i in range(20)]
    lines = [*problems[:15], "and 5 more kinds of problems."]
    assert group_problems(problems) == (lines, False)
    assert group_problems(problems[:16]) == (problems[:16], True)


def test_a_line_of_any_length_is_cut() -> None:
    (line,), is_complete = group_problems([f"a.txt, line 1: is '{'x' * 10_000}'."])
    assert not is_complete
    assert len(line) < 600
    assert line.startswith("a.txt, line 1: is 'xxx")
    assert line.endswith("xxx'.")


def test_problems_know_their_pairs() -> None:
    findings = Findings(["has no splits."])
    with findings.of_pair("x/a"):
        findings.problems.append("a.txt, line 1: is odd.")
    findings.problems.append(Problem("b.txt: is of two.", "b", "c"))
    findings.rename_pairs({"x/a": "a", "c": "d"}, 1)
    assert findings.problems == [
        "has no splits.",
        "a.txt, line 1: is odd.",
        "b.txt: is of two.",
    ]
    assert list(map(get_pair_names, findings.problems)) == [(), ("a",), ("b", "d")]
