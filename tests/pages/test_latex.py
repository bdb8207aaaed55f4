import re
import shutil
import subprocess

import pytest

from pipeline.pages.blocks import Cell, Table
from pipeline.pages.latex import escaped, to_latex
from pipeline.reporting.results import result_tables

HOSTILE = r"\input{/etc/passwd} $x$ & 50% #1 a_b ^~ <{>} |"


def test_every_row_has_as_many_cells_as_columns(inputs):
    latex = to_latex(result_tables(inputs))
    for environment in re.findall(r"\\begin\{tabular\}.*?\\end\{tabular\}", latex, flags=re.DOTALL):
        columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", environment)[1]
        rows = [line for line in environment.splitlines() if line.endswith(r"\\")]
        assert len(rows) >= 10
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(columns) - 1}


def test_no_text_becomes_a_command():
    latex = to_latex([Table(HOSTILE, ("a", HOSTILE), ((Cell(HOSTILE), Cell("1", HOSTILE, HOSTILE)),))])
    assert r"\input" not in latex
    assert r"\textbackslash{}input\{/etc/passwd\} \$x\$ \& 50\% \#1 a\_b" in latex
    assert len(re.findall(r"(?<!\\)\{", latex)) == len(re.findall(r"(?<!\\)\}", latex))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("−0.5 ± 1", r"$-$0.5 $\pm$ 1"), ("a\nb", "a b"), ("Kendall τ‑b ↑", r"Kendall $\tau$-b $\uparrow$")],
)
def test_signs_are_those_of_mathematics(text, expected):
    assert escaped(text) == expected


def test_only_what_stands_out_is_bold():
    latex = to_latex([Table("t", ("a", "b", "c"), ((Cell("x"), Cell("1", strong=True), Cell("2")),))])
    assert re.findall(r"\\textbf\{([^}]*)\}", latex) == ["1"]


def test_the_main_table_is_ascii_that_every_engine_sets(inputs):
    assert to_latex(result_tables(inputs)).isascii()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_it_compiles(inputs, tmp_path):
    body = to_latex(result_tables(inputs))
    (tmp_path / "t.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + body + "\\end{document}\n"
    )
    subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)
