"""Mutation testing: small bugs are planted one at a time, and a unit test must notice each.

`mutmut` does it: it plants them in a copy of the tree and runs the tests that reach the changed function. Here is what
it plants: what it has of its own, without changes of words that people read, and some kinds that it lacks.

    python -m tests.mutation                                    # the modules named in pyproject.toml
    python -m tests.mutation 'reconciler/engine/*.py'           # these
    mutmut results                                              # the survivors
    mutmut show reconciler.engine.deletes.x_delete__mutmut_4    # one of them as a diff
    python -m tests.mutation 'reconciler.engine.deletes.*_4'    # try it again
"""

import argparse
from collections.abc import Iterator

import libcst as cst
from libcst import matchers as m
from mutmut.__main__ import cli
from mutmut.configuration import config
from mutmut.mutation import mutators

PROSE = m.SimpleString(value=m.MatchIfTrue(lambda text: " " in text)) | m.ConcatenatedString() | m.FormattedString()
CHECKED_BY_ZIP = m.Arg(keyword=m.Name("strict"))
DROPPED = m.Assign() | m.AugAssign() | m.Raise() | m.Return(value=None) | m.Expr(value=~(PROSE | m.SimpleString()))
NONE = cst.Name("None")
NOTHING_LOST = m.Name("None") | m.Name("False")  # False itself is made True


def drop_a_statement(node: cst.SimpleStatementLine) -> Iterator[cst.CSTNode]:
    if m.matches(node, m.SimpleStatementLine(body=[DROPPED])):
        yield node.with_changes(body=[cst.Pass()])


def return_nothing(node: cst.Return) -> Iterator[cst.CSTNode]:
    if node.value is not None and not m.matches(node.value, NOTHING_LOST):
        yield node.with_changes(value=NONE, whitespace_after_return=cst.SimpleWhitespace(" "))


def invert_a_condition(node: cst.If | cst.IfExp | cst.CompIf | cst.While) -> Iterator[cst.CSTNode]:
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


def drop_an_item(node: cst.List) -> Iterator[cst.CSTNode]:
    for i in range(len(node.elements)):
        yield node.with_changes(elements=[*node.elements[:i], *node.elements[i + 1 :]])


def give_nothing(node: cst.Call) -> Iterator[cst.CSTNode]:
    for i, arg in enumerate(node.args):
        if not arg.star and not m.matches(arg.value, PROSE | NOTHING_LOST) and not m.matches(arg, CHECKED_BY_ZIP):
            yield node.with_changes(args=[*node.args[:i], arg.with_changes(value=NONE), *node.args[i + 1 :]])


def change_a_code(node: cst.SimpleString) -> Iterator[cst.CSTNode]:
    if not m.matches(node, PROSE):
        yield from list(mutators.operator_string(node))[:1]


OPERATORS = [
    (cst.BaseNumber, mutators.operator_number),
    (cst.Name, mutators.operator_name),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.Match, mutators.operator_match),
    (cst.SimpleString, change_a_code),
    (cst.SimpleStatementLine, drop_a_statement),
    (cst.Return, return_nothing),
    ((cst.If, cst.IfExp, cst.CompIf, cst.While), invert_a_condition),
    (cst.List, drop_an_item),
    (cst.Call, give_nothing),
]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "what", nargs="*", help="modules, as only_mutate in pyproject.toml names them; or names of bugs"
    )
    parser.add_argument("--workers", type=int, default=2, metavar="N")
    given = parser.parse_args()
    mutators.mutation_operators[:] = OPERATORS
    names = [name for name in given.what if not name.endswith(".py")]
    config().only_mutate = [name for name in given.what if name not in names] or config().only_mutate
    cli(["run", "--max-children", str(given.workers), *names])


if __name__ == "__main__":
    main()
