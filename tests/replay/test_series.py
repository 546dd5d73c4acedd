from replay.series import input_series, read

SCRAPE = b"""\
# HELP days Days left, name of a series: days 1
# TYPE days gauge
days{target="a b"} -3.25
days{target="c"} 7
days_ago{target="c"} 8
ready 1
"""


def test_the_named_series_are_read_with_the_labels_of_the_scraper() -> None:
    assert read(SCRAPE, {"days", "ready"}, 'job="j"') == {
        'days{job="j",target="a b"}': "-3.25",
        'days{job="j",target="c"}': "7",
        'ready{job="j",}': "1",
    }


def test_what_stays_the_same_is_written_once() -> None:
    (series,) = input_series([{"up{}": "1"}, {"up{}": "1"}, {"up{}": "0.5"}], repeat=2)

    assert series == {"series": "up{}", "values": "1+0x3 0.5+0x1"}


def test_a_series_that_goes_is_marked_stale_and_one_that_is_yet_to_come_is_not() -> None:
    scrapes = [{"old{}": "1"}, {"old{}": "1"}, {"new{}": "2"}, {}]

    assert {each["series"]: each["values"] for each in input_series(scrapes, repeat=3)} == {
        "old{}": "1+0x5 stale _x5",
        "new{}": "_x6 2+0x2 stale _x2",
    }
