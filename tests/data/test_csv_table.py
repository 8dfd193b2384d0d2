import gzip

import numpy as np
import pytest

from lamina.core.errors import ArgumentError, DataError
from lamina.data import csv_table

FLOWERS = "length,kind,width\n1.5,rose,2\n\n-3e2,tulip,.5\n 7 ,rose, 8\n"


@pytest.fixture
def table(tmp_path):
    def read(text, name="table.csv", **options):
        content = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(content)
        return csv_table(tmp_path / name, **options)

    return read


@pytest.mark.parametrize("target", ["kind", 1, -2])
def test_a_categorical_target_by_name_or_index(table, target):
    data = table(FLOWERS, target=target)
    assert data.inputs.tolist() == [[1.5, 2], [-300, 0.5], [7, 8]]
    assert (data.inputs.dtype, data.targets.dtype) == (np.float32, np.int64)
    assert data.targets.tolist() == [0, 1, 0]
    assert data.classes == ("rose", "tulip")
    assert data.features == ("length", "width")


def test_no_header_other_delimiter_quotes_and_mark(table):
    data = table(b'\xef\xbb\xbf1;"2.5"\r\n3;4.5\r\n', header=False, delimiter=";")
    assert data.inputs.tolist() == [[1], [3]]
    assert data.targets.tolist() == [[2.5], [4.5]]
    assert (data.classes, data.features) == ((), ())


def test_gzip(table):
    assert len(table(gzip.compress(FLOWERS.encode()), "t.csv.gz", target="kind")) == 3


def test_whole_numbers_are_classes_in_numeric_order_unless_refused(table):
    text = "x,y\n0,10\n0,9\n0,10\n"
    data = table(text)
    assert data.targets.tolist() == [1, 0, 1]
    assert data.classes == ("9", "10")
    assert table(text, categorical=False).targets.tolist() == [[10], [9], [10]]
    assert table("x,y\n0,1.5\n0,2\n").targets.tolist() == [[1.5], [2]]
    assert table("x,y\n0,1.5\n0,2\n", categorical=True).classes == ("1.5", "2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x\n4,5.5\n", r"line 3, column 2 \(b\): expected a finite number, got 'x'"),
        ("a,b\n1,2.5\n,3\n", r"line 3, column 1 \(a\): expected a finite number, got ''"),
        ("a,b\nnan,2\n", "line 2, column 1 .*finite number, got 'nan'"),
        ("a,b\n1,2\n\n1_0,2\n", "line 4, column 1 .*got '1_0'"),
        ("a,b\n1e39,2\n", "line 2, column 1 .*range of float32, got '1e39'"),
        ("a,b\n1,2\n3\n", "line 3, column 2: expected 2 columns, got 1"),
        ("a,b\n1,2\n3,4,5\n", "line 3, column 3: expected 2 columns, got 3"),
        ("1,2\n3,4\n", "line 1, column 1: expected a header, got only numbers; .*header=False"),
        ("a,a\n3,4\n", "line 1, column 2: expected different column names, got 'a' again"),
        ("", "line 1, column 1: expected rows"),
        ("a,b\n", "line 1, column 1: expected rows"),
        ('a,b\n1,"2\n', "line 2, column 1: unexpected end of data"),
        (b"a,b\n\xff,2\n", "byte 4: expected UTF-8 text"),
        ("a,b\n1,red\n1,\n", r"line 3, column 2 \(b\): expected a class, got ''"),
    ],
)
def test_errors_name_the_place(table, text, message):
    with pytest.raises(DataError, match=message) as caught:
        table(text)
    assert "table.csv" in str(caught.value)


def test_a_line_break_in_quotes_does_not_shift_the_lines(table):
    with pytest.raises(DataError, match=r"line 4, column 1"):
        table('a,b\n1,"x\ny"\nbad,z\n')


@pytest.mark.parametrize("target", ["c", 2, -3])
def test_a_target_that_is_not_there(table, target):
    with pytest.raises(ArgumentError, match="no target column .* a, b"):
        table("a,b\n1,2\n", target=target)


def test_wrong_delimiter(table):
    with pytest.raises(ArgumentError, match="delimiter"):
        table("a,b\n1,2\n", delimiter=", ")
