"""Files of other programs and services: exports of NASA POWER, input of RothC, station files."""

import numpy as np
import pandas as pd
import pytest

from socbayes.errors import EmptyTableError, SocbayesError, UnreadableFileError
from socbayes.reading.monthly import months_of_days
from socbayes.table import read_table, validate_table

POWER = """-BEGIN HEADER-
NASA/POWER Source Native Resolution Monthly and Annual
Dates (month/day/year): 01/01/2023 through 12/31/2024 in LST
Location: Latitude  51.81   Longitude -0.37
Elevation from MERRA-2: Average for 0.5 x 0.625 degree lat/lon region = 101.5 meters
The value for missing source data that cannot be computed or is outside of the sources availability range: -999
Parameter(s):
T2M             MERRA-2 Temperature at 2 Meters (C)
PRECTOTCORR     MERRA-2 Precipitation Corrected (mm/day)
RH2M            MERRA-2 Relative Humidity at 2 Meters (%)
-END HEADER-
PARAMETER,YEAR,JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC,ANN
RH2M,2023,88,84,82,78,74,72,76,78,80,86,88,90,81
RH2M,2024,88,84,82,78,74,72,76,78,80,86,88,-999,-999
T2M,2023,4.1,5.9,6.2,7.8,11.6,16.9,15.9,16.2,17.1,12.2,6.9,6.8,10.7
T2M,2024,4.3,7.6,7.7,9.1,13.4,14.4,16.4,17.1,14.1,10.9,7.2,-999,-999
PRECTOTCORR,2023,2,1,3,1,1,0.5,2,2,2,3,3,3,2
PRECTOTCORR,2024,2,2.5,2,1,2,0.5,2,1,3,2,3,-999,-999
"""
DAILY = """-BEGIN HEADER-
NASA/POWER Source Native Resolution Daily Data
Dates (month/day/year): 01/01/2023 through 02/28/2023 in LST
Location: Latitude  51.81   Longitude -0.37
Parameter(s):
T2M             MERRA-2 Temperature at 2 Meters (C)
PRECTOTCORR     MERRA-2 Precipitation Corrected (mm/day)
-END HEADER-
YEAR,MO,DY,T2M,PRECTOTCORR
"""
DAYS = pd.date_range("2023-01-01", "2023-02-28")


def rows(line, days=DAYS):
    return "".join(line(day) + "\n" for day in days)


FILES = {
    "power": POWER,
    "power_ascii": POWER.replace(",", "  "),
    "power_without_metadata": POWER.partition("-END HEADER-\n")[2],
    "power_with_returns": POWER.replace("\n", "\r\n"),
    "power_daily": DAILY + rows(lambda day: f"{day.year},{day.month},{day.day},4.5,2"),
    "power_day_of_year": DAILY.replace("MO,DY", "DOY") + rows(lambda day: f"{day.year},{day.day_of_year},4.5,2"),
    "dwd": "STATIONS_ID;MESS_DATUM;QN_3;  FX;QN_4; RSK;RSKF; TMK; UPM;eor\n"
    + rows(lambda day: f"       1358;{day:%Y%m%d};-999;-999;    3;   2.0;   4;   4.5;   91.54;eor"),
    "dwd_monthly": "STATIONS_ID;MESS_DATUM_BEGINN;MESS_DATUM_ENDE;QN_4;MO_N;MO_TT;MO_RR;eor\n"
    "44;20230101;20230131;9;6.5;4.5;62.0;eor\n44;20230201;20230228;9;-999;4.5;56.0;eor\n",
    "knmi": "# SOURCE: ROYAL NETHERLANDS METEOROLOGICAL INSTITUTE (KNMI)\n"
    "# STN         LON(east)   LAT(north)  ALT(m)      NAME\n# 260         5.180       52.100      1.90  De Bilt\n"
    "# TG        : Daily mean temperature in (0.1 degrees Celsius)\n# STN,YYYYMMDD,   TG,   RH, EV24,   UG\n"
    + rows(lambda day: f"  260,{day:%Y%m%d},   45,   20,    7,   88"),
    "meteo_france": "NUM_POSTE;NOM_USUEL;LAT;LON;ALTI;AAAAMMJJ;RR;QRR;TN;QTN;TX;QTX;TM;QTM\n"
    + rows(lambda day: f"01089001;AMBERIEU;45.976;5.329;250;{day:%Y%m%d};2.0;1;1.0;1;8.0;1;4.5;1"),
    "meteoswiss": "station_abbr;reference_timestamp;tre200d0;rre150d0;sre000d0\n"
    + rows(lambda day: f"BAS;{day:%d.%m.%Y} 00:00;4.5;2.0;12"),
    "ghcn": '"STATION","DATE","LATITUDE","LONGITUDE","ELEVATION","NAME","PRCP","PRCP_ATTRIBUTES","TAVG",'
    '"TAVG_ATTRIBUTES"\n'
    + rows(lambda day: f'"UKE00105915","{day:%Y-%m-%d}","51.8","-0.3","128","HARPENDEN","   20",",,E","   45",",,S"'),
}


def written(tmp_path, text, name="station.csv"):
    path = tmp_path / name
    path.write_text(text, newline="")
    return path


@pytest.mark.parametrize("file", FILES)
def test_weather_files_as_people_have_them_are_read_as_months(tmp_path, file):
    table = read_table(written(tmp_path, FILES[file]), "field_weather", fill={"site": "Farm"})
    assert set(table["site"]) == {"Farm"}
    assert table["year"].tolist()[:2] == [2023, 2023]
    assert table["month"].tolist()[:2] == [1, 2]
    monthly = file.startswith("power") and "_day" not in file and "daily" not in file
    temperature, rain = ([4.1, 5.9], [62, 28]) if monthly else ([4.5, 4.5], [62, 56])
    assert table["temperature"].tolist()[:2] == pytest.approx(temperature)
    assert table["rain"].tolist()[:2] == pytest.approx(rain)
    assert table.attrs["units"]["rain"] == "mm"
    assert "The table has no column `site`: it is 'Farm' in every row, as stated." in table.attrs["notes"]
    assert validate_table(tmp_path / "station.csv", "field_weather") == []


def test_notes_say_what_was_understood_of_a_monthly_export(tmp_path):
    table = read_table(written(tmp_path, POWER, "POWER_Point.csv"), "field_weather")
    assert len(table) == 23  # December 2024 is missing
    assert table["rain"].tolist()[13] == 2.5 * 29
    assert table["month"].max() == 12  # not the mean of the year
    assert table.attrs["notes"] == [
        "POWER_Point.csv is a monthly export of NASA POWER for latitude 51.81, longitude -0.37.",
        "T2M is the mean temperature in degC, missing where it is -999 (1).",
        "PRECTOTCORR is precipitation in mm/day, multiplied by the days of each month to mm, missing where it is "
        "-999 (1).",
        "Parameters that are not used: RH2M.",
        "The file names no site of yours: its rows are called 'POWER_Point'; fill={'site': ...} of read_table gives "
        "another name.",
    ]


@pytest.mark.parametrize(
    ("stated", "temperature", "rain"),
    [(("(K)", "(mm/day)"), 4.1 - 273.15, 62.0), (("(F)", "(in/day)"), (4.1 - 32) / 1.8, 62 * 25.4)],
)
def test_units_of_an_export_are_those_it_states(tmp_path, stated, temperature, rain):
    text = POWER.replace("2 Meters (C)", f"2 Meters {stated[0]}").replace("(mm/day)", stated[1])
    path = written(tmp_path, text)
    if temperature < -60:  # what cannot be is refused
        assert {fault.column for fault in validate_table(path, "field_weather")} == {"temperature"}
        return
    table = read_table(path, "field_weather")
    assert table["temperature"][0] == pytest.approx(temperature)
    assert table["rain"][0] == pytest.approx(rain)


def test_units_of_an_export_that_nobody_knows_are_refused(tmp_path):
    path = written(tmp_path, POWER.replace("(mm/day)", "(kg s-1)"))
    with pytest.raises(UnreadableFileError, match=r"PRECTOTCORR in 'kg s-1'.*metric"):
        read_table(path, "field_weather")


def test_an_export_of_a_region_has_a_site_for_each_place(tmp_path):
    head, _, below = FILES["power_without_metadata"].partition("\n")
    lines = [line for line in below.splitlines() if not line.startswith("RH2M")]
    text = f"LAT,LON,{head}\n" + "".join(f"{place},{line}\n" for place in ("51.5,0.0", "52.0,0.0") for line in lines)
    table = read_table(written(tmp_path, text), "field_weather")
    assert sorted(set(table["site"])) == ["lat 51.5, lon 0.0", "lat 52.0, lon 0.0"]
    assert len(table) == 46


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (POWER.replace("T2M,2023,4.1", "T2M,2023,four"), "damaged"),
        (POWER.replace("T2M,2024", "T2M,2023"), "damaged"),
        (POWER.replace("T2M,", "TS,").replace("PRECTOTCORR,", "PS,"), "neither T2M nor PRECTOTCORR"),
        (FILES["dwd"].replace(";20230105;", ";20231305;"), "damaged"),
        (FILES["dwd"].replace("2.0;   4;   4.5", "2,0;   4;   4.5", 1), "RSK of 20230101 is '2,0', not a number"),
        (FILES["dwd"] + "1358;20230105;-999;-999;3;2.0;4;4.5;91;eor\n", "two rows for 1358 on 2023-01-05"),
    ],
)
def test_damaged_weather_files_are_refused(tmp_path, text, words):
    with pytest.raises(UnreadableFileError, match=words):
        read_table(written(tmp_path, text), "field_weather")


@pytest.mark.parametrize("file", ["power", "dwd", "knmi", "ghcn"])
def test_a_weather_file_is_no_table_of_plots(tmp_path, file):
    with pytest.raises(UnreadableFileError, match="schema field_weather, not field_soc"):
        read_table(written(tmp_path, FILES[file]), "field_soc")


def test_codes_flags_and_traces_of_stations_are_understood(tmp_path):
    lines = FILES["ghcn"].splitlines()
    lines[3] = lines[3].replace('"   20",",,E"', '"  999",",G,E"')  # failed a check of quality
    lines[40] = lines[40].replace('"   45"', '"-9999"')
    table = read_table(written(tmp_path, "\n".join(lines)), "field_weather")
    assert np.isnan(table["rain"][0])
    assert table["rain"][1] == pytest.approx(56)
    assert table["temperature"].tolist() == pytest.approx([4.5, 4.5])  # one day of 28 may be missing under a mean
    said = " ".join(table.attrs["notes"])
    assert "PRCP is rain in tenths of mm, missing where it failed a check of quality (1)." in said
    assert "TAVG is temperature in tenths of degC, missing where it is -9999 (1)." in said
    assert "rain 1" in said
    knmi = FILES["knmi"].replace("   20,", "   -1,", 3)
    table = read_table(written(tmp_path, knmi), "field_weather")
    assert table["rain"][0] == pytest.approx(62 - 3 * 2)
    assert "none where it is -1, less than 0.05 mm (3)" in " ".join(table.attrs["notes"])
    assert table.attrs["notes"][-2] == "Columns that are not used: UG."
    assert table["potential_evapotranspiration"][0] == pytest.approx(31 * 0.7)


def test_lines_of_an_element_in_a_month_are_read(tmp_path):
    def line(element, value):
        cells = "".join(f"{value if day < 28 else -9999:5d}   " for day in range(31))
        return f"UKE00105915202302{element}{cells}\n"

    text = line("TMAX", 90) + line("TMIN", 0) + line("PRCP", 20) + line("SNOW", 0)
    table = read_table(written(tmp_path, text, "UKE00105915.dly"), "field_weather")
    assert table.loc[0, ["year", "month", "temperature", "rain"]].tolist() == pytest.approx([2023, 2, 4.5, 56])
    assert table["site"].tolist() == ["UKE00105915"]
    assert "Where a day has no mean temperature, that of its maximum and minimum is taken." in table.attrs["notes"]


def test_several_stations_in_a_file_are_sites(tmp_path):
    text = FILES["meteo_france"]
    text += text.partition("\n")[2].replace("AMBERIEU", "CEYZERIAT").replace("01089001", "01072001")
    table = read_table(written(tmp_path, text), "field_weather", fill={"site": "Farm"})
    assert table.groupby("site").size().to_dict() == {"AMBERIEU": 2, "CEYZERIAT": 2}
    assert any("2 stations" in note for note in table.attrs["notes"])
    assert any("'Farm' was not filled in" in note for note in table.attrs["notes"])


@pytest.mark.parametrize(
    ("gone", "temperature", "rain"),
    [
        ([], True, True),
        ([5], True, False),
        (list(range(0, 20, 2)), True, False),  # ten days here and there
        (list(range(0, 22, 2)), False, False),  # eleven
        (list(range(4)), True, False),  # four in a row
        (list(range(5)), False, False),  # five
        (list(range(28, 31)), True, False),  # a month that is not over
    ],
)
def test_a_month_needs_most_days_for_a_mean_and_all_for_a_sum(gone, temperature, rain):
    days = pd.DataFrame({"site": "Farm", "date": pd.date_range("2024-01-01", "2024-01-31"), "temperature": 3.0})
    months, notes = months_of_days(days.assign(rain=1.0).drop(index=gone))
    found = months.iloc[0] if len(months) else {"temperature": np.nan, "rain": np.nan}
    assert [bool(np.isfinite(found[name])) for name in ("temperature", "rain")] == [temperature, rain]
    assert bool(notes) != (temperature and rain)


ROTHC = """input data of a trial
   (-)       (-)
 opt_RMmoist  opt_SMDbare
    1          1
clay	depth	iom	nsteps
23.4	23.0	3.0041	14
year  month    modern	Tmp	Rain	Evap   C_inp	FYM	PC    DPM_RPM
"""
ROTHC += "".join(f"1\t{month}\t100\t5\t60\t20\t0.1\t0\t1\t1.44\n" for month in range(1, 13))
ROTHC += "1939\t1\t97.5\t3.99\t114.5\t8.2\t0\t0.3\t1\t1.44\n1939\t2\t97.5\t5.37\t30.7\t17.2\t0.2\t0\t0\t1.44\n"


def test_weather_of_rothc_input_is_read(tmp_path):
    table = read_table(written(tmp_path, ROTHC, "Hoosfield.dat"), "field_weather")
    assert table[["year", "month", "temperature", "rain"]].to_numpy().tolist() == [
        [1939, 1, 3.99, 114.5],
        [1939, 2, 5.37, 30.7],
    ]
    assert table["open_pan_evaporation"].tolist() == [8.2, 17.2]
    assert table["site"].tolist() == ["Hoosfield"] * 2
    said = " ".join(table.attrs["notes"])
    for words in ("first 12 months (year 1)", "clay 23.4", "open-pan evaporation", "not used: modern, C_inp, FYM, PC"):
        assert words in said


def test_management_of_rothc_input_is_read(tmp_path):
    table = read_table(written(tmp_path, ROTHC, "Hoosfield.dat"), "field_management", fill={"site": "Hoosfield"})
    assert table["start_year"].tolist() == pytest.approx([1939, 1939 + 1 / 12])
    assert table["end_year"].tolist() == pytest.approx([1939 + 1 / 12, 1939 + 2 / 12])
    assert table["plant_carbon_input"].tolist() == pytest.approx([0, 2.4])
    assert table["manure_carbon_input"].tolist() == pytest.approx([3.6, 0])
    assert table["plant_cover"].tolist() == [1, 0]
    assert "not used: modern, Tmp, Rain, Evap, DPM_RPM" in " ".join(table.attrs["notes"])


@pytest.mark.parametrize(
    ("text", "schema", "error", "words"),
    [
        (ROTHC, "field_soc", UnreadableFileError, "field_weather or field_management, not field_soc"),
        (ROTHC.replace("30.7\t17.2", "17.2"), "field_weather", UnreadableFileError, "line 21 .*10 numbers"),
        (ROTHC.replace("30.7", "n.d."), "field_weather", UnreadableFileError, "line 21"),
        (ROTHC.partition("1939")[0], "field_weather", EmptyTableError, "only the twelve months"),
    ],
)
def test_rothc_input_that_cannot_be_used_is_refused(tmp_path, text, schema, error, words):
    with pytest.raises(error, match=words):
        read_table(written(tmp_path, text, "Hoosfield.dat"), schema)


def test_a_fill_names_a_column_of_the_table(tmp_path):
    with pytest.raises(SocbayesError, match="did you mean 'site'"):
        read_table(written(tmp_path, POWER), "field_weather", fill={"sites": "Farm"})


@pytest.mark.parametrize("flag", ["weather={file}", "{file}"])
def test_the_one_site_of_the_plots_is_that_of_the_station_beside_them(tmp_path, flag):
    from socbayes.given import tables_given
    from socbayes.subjects import model_record

    plots = written(tmp_path, "site,plot,year,soc_stock [t/ha]\nFarm,1,2023.1,40\nFarm,1,2024.9,41\n", "plots.csv")
    station = written(tmp_path, POWER, "power.csv")
    tables = tables_given(model_record("field"), plots, [flag.format(file=station)], {})
    assert set(tables["weather"]["site"]) == {"Farm"}
    assert len(tables["weather"]) == 23
