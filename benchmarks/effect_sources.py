"""Pairs of syntheses whose terms forbid bundling them, or are not stated: read, fitted, and not written.

Each reader takes the folder of the literature and returns a table of kind
``effect_pairs`` and the number of rows that it is of. Only what a posterior says
of them is kept: ``benchmarks/effects.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

type Read = tuple[pd.DataFrame, int]
"""Pairs, and the number of rows they are of."""

LARGEST = 1.5
"""Log ratios beyond it are slips of a unit or of a decimal place in these files."""
DEPTH = r"(\d+(?:\.\d+)?)\s*(?:-|to|-to-)\s*(\d+(?:\.\d+)?)"
CALENDAR_YEAR = r"\b(?:1[789]|20)\d\d(?:'?s)?\b"
LONGEST = 300.0
"""Years; longer durations in these files are dates or lengths of another use."""
PEDON = "soil_organic_carbon"


def _numbers(text: pd.Series) -> pd.Series:
    """First number of each text; the middle of a range such as 15-20."""
    found = text.astype("str").str.extract(r"(\d+(?:\.\d+)?)(?:\s*-\s*(\d+(?:\.\d+)?))?").astype("float64")
    return found.mean(axis=1)


def _years(text: pd.Series) -> pd.Series:
    """Years since a change of use; calendar years, and more than anybody dated, are missing.

    Where it says when land was restored, that is meant, not how long it was farmed.
    """
    plain = text.astype("str").str.replace(CALENDAR_YEAR, "", regex=True)
    restored = plain.str.extract(r"(?i)restored\s+(\d+)|(\d+)\s*ya\b").bfill(axis=1)[0]
    found = restored.astype("float64").fillna(_numbers(plain))
    return found.where((found > 0) & (found <= LONGEST))


def _limits(text: pd.Series) -> pd.DataFrame:
    """Upper and lower limit of layers written as 0-20 or 0-to-20; missing where they are not in order."""
    found = text.astype("str").str.replace("-to-", "-").str.extract(DEPTH).astype("float64")
    ordered = found[1] > found[0]
    return pd.DataFrame({"depth_top": found[0].where(ordered), "depth_bottom": found[1].where(ordered)})


def _latest(rows: pd.DataFrame, by: list[str], time: str) -> pd.DataFrame:
    """Rows of the last time of each group."""
    last = rows.groupby(by, dropna=False)[time].transform("max")
    return rows[(rows[time] == last) | rows[time].isna()]


def plausible(pairs: pd.DataFrame, name: str, read: int) -> tuple[pd.DataFrame, str]:
    """Pairs of a compilation with a ratio that can be, and how many were not."""
    ratio = np.log(pairs["treated_mean"] / pairs["control_mean"]) if "treated_mean" in pairs else \
        pairs["log_response_ratio"]  # fmt: skip
    kept = pairs[ratio.abs() <= LARGEST].reset_index(drop=True)
    kept["observation"] = [f"{name}-{row:04d}" for row in range(1, len(kept) + 1)]
    kept["compilation"] = name
    said = f"{name}: {len(kept)} pairs of {read} rows; {len(pairs) - len(kept)} with a log ratio beyond {LARGEST:g}."
    return kept, said


def agevidence(literature: Path) -> Read:
    """Tillage, cover crops and manure in the Midwest and Kenya, at the last sampling of each contrast and layer."""
    folder = literature / "agevidence_us_kenya"
    raw = pd.read_csv(folder / "soc_comparisons.csv", low_memory=False)
    papers = pd.read_csv(folder / "references.csv").drop_duplicates(["paper_id", "file"])
    places = pd.read_csv(folder / "experiments.csv", dtype={"loc_multi": "str"})
    places = places.drop_duplicates(["paper_id", "file", "loc_multi"])
    compare = raw["trt_compare"].astype("str").str.lower()
    before, after = raw["trt1_name"].astype("str").str.lower(), raw["trt2_name"].astype("str").str.lower()
    lever = pd.Series(
        np.select(
            [
                compare == "conventional tillage - no tillage",
                compare == "conventional tillage - conservation tillage",
                (raw["file"] == "us_cc.xlsx") & before.str.startswith("no winter cover crop"),
                (raw["file"] == "ke_nm.xlsx") & (before == "unamended") & (after == "animal manure"),
            ],
            ["no_tillage", "reduced_tillage", "cover_crop", "manure"],
            "",
        ),
        index=raw.index,
    )
    used = (raw["quantity"] == "soc") & (lever != "") & (raw["stat_type"].fillna("mean") == "mean")
    used &= (raw["trt1_value"] > 0) & (raw["trt2_value"] > 0)
    rows = raw[used].assign(lever=lever[used], last=_numbers(raw["rv_year"].str.replace(r".*;", "", regex=True)))
    rows = _latest(
        rows, ["file", "paper_id", "loc_multi_results", "lever", "trt1_details", "trt2_details", "rv_depth"], "last"
    )
    rows = rows.drop_duplicates(["file", "paper_id", "rv_depth", "trt1_value", "trt2_value", "lever"])
    rows = rows.merge(papers, on=["paper_id", "file"], how="left").merge(
        places, left_on=["paper_id", "file", "loc_multi_results"], right_on=["paper_id", "file", "loc_multi"],
        how="left", suffixes=("", "_place"),
    )  # fmt: skip
    percent = rows["rv_units"].isin(["%", "g/100 g"]) & (rows["trt1_value"] > 6)
    layer = _limits(rows["rv_depth"])
    content = rows["trt1_value"].where(rows["rv_units"].isin(["g/kg", "g C/kg soil", "g/kg soil", "mg/g"]))
    content = content.fillna((10 * rows["trt1_value"]).where(rows["rv_units"].isin(["%", "g/100 g"]) & ~percent))
    pairs = pd.DataFrame(
        {
            "study": rows["authors_abbrev"].fillna("paper") + " " + rows["pubyear"].astype("Int64").astype("str"),
            "doi": rows["doi"],
            "lever": rows["lever"],
            "fraction": PEDON,
            "site": rows["loc_multi_results"].astype("str"),
            "control_mean": rows["trt1_value"],
            "treated_mean": rows["trt2_value"],
            "replicates": _numbers(rows["reps"]),
            "depth_top": layer["depth_top"],
            "depth_bottom": layer["depth_bottom"],
            "duration": rows["last"].where(rows["last"] > 0),
            "soil_organic_carbon_control": content,
            "ecosystem": "cropland",
            "latitude": rows["latitude"],
            "longitude": rows["longitude"],
        }
    )
    return pairs, len(raw)


KINDS = {"CC": "cover_crop", "OF": "organic_farming", "AF": "agroforestry", "NT": "no_tillage", "SR": "residue_return",
         "RT": "reduced_tillage"}  # fmt: skip


def soil_health(literature: Path) -> Read:
    """Single practices of SoilHealthDB; rows of organic matter and of total carbon are left out by their comment."""
    raw = pd.read_csv(literature / "soilhealthdb_jian2020" / "soil_carbon_pairs.csv", low_memory=False)
    comment = raw["4.OC_Comments"].astype("str")
    other = comment.str.contains(r"OM|TC|Organic Matter|LOI|increase", regex=True)
    used = raw["Conservation_Type"].isin(list(KINDS)) & (raw["OC_C"] > 0) & (raw["OC_T"] > 0) & ~other
    used &= ~raw["StudyID"].isin([209, 291])
    rows = raw[used].drop_duplicates(["StudyID", "OC_C", "OC_T", "SamplingDepth", "TimeAfterCoverCrop"])
    rows = _latest(
        rows.assign(last=_numbers(rows["TimeAfterCoverCrop"])),
        ["StudyID", "SiteInfor", "Conservation_Type", "CoverCrop", "SamplingDepth", "GrainCrop", "Tillage_T"], "last",
    )  # fmt: skip
    layer = _limits(rows["SamplingDepth"])
    surname = rows["Author_F"].astype("str").str.strip()
    sd = {arm: _numbers(rows[f"OC_{letter}_SD%"]) for arm, letter in (("control", "C"), ("treated", "T"))}
    numbers = {
        "control_replicates": "No_C", "replicates": "No_T", "duration": "last", "clay": "ClayPerc",
        "latitude": "Latitude", "longitude": "Longitude", "mean_annual_temperature": "MAT",
        "mean_annual_precipitation": "MAP",
    }  # fmt: skip
    pairs = pd.DataFrame(
        {
            "study": surname + " " + rows["YearPublication"].astype("str").str.extract(r"(\d{4})")[0].fillna(""),
            "lever": rows["Conservation_Type"].map(KINDS),
            "fraction": PEDON,
            "site": rows["SiteInfor"].astype("str").str.strip(),
            "control_mean": 10 * rows["OC_C"],
            "treated_mean": 10 * rows["OC_T"],
            "control_sd": 10 * sd["control"].where(sd["control"] < rows["OC_C"]),
            "treated_sd": 10 * sd["treated"].where(sd["treated"] < rows["OC_T"]),
            "depth_top": layer["depth_top"],
            "depth_bottom": layer["depth_bottom"],
            "soil_organic_carbon_control": 10 * rows["OC_C"],
            "ecosystem": "cropland",
            **{name: _numbers(rows[column]) if rows[column].dtype == "str" else rows[column]
               for name, column in numbers.items()},
        }
    )  # fmt: skip
    for name in ("control_replicates", "replicates"):
        pairs[name] = pairs[name].where(pairs[name] >= 1)
    pairs["duration"] = pairs["duration"].where(pairs["duration"] > 0)
    return pairs, len(raw)


def irrigation(literature: Path) -> Read:
    """Fresh water against none: before and with it, and rainfed beside irrigated; one of each pair with nitrogen."""
    folder = literature / "emde2021_irrigation_soc"
    series, beside = pd.read_csv(folder / "irrigation_pairs.csv"), pd.read_csv(folder / "irrigated_vs_rainfed.csv")
    kept = series[~series["irrig_water_type"].isin(["sewage", "waste", "mixed"]) & (series["N_pair_state"] != "N+")]
    frames = []
    for rows, mean, time in (
        (kept, ("organic_C_st_t1_calc", "organic_C_st_t2_calc"), "study_duration"),
        (beside, ("organic_C_st_rain_calc", "organic_C_st_irr_calc"), "years_since_irrigation"),
    ):
        n = ("organic_C_n_t1", "organic_C_n_t2") if time == "study_duration" else \
            ("organic_C_n_rainfed", "organic_C_n_irrig")  # fmt: skip
        control, treated = (_numbers(rows[name]) for name in mean)
        replicates = [_numbers(rows[name]).where(lambda counted: counted >= 1) for name in n]
        frames.append(
            pd.DataFrame(
                {
                    "study": rows["authors"].astype("str").str.strip() + " " + rows["year"].astype("str"),
                    "site": rows["site_name" if "site_name" in rows else "site"].astype("str"),
                    "control_mean": control.where(control > 0),
                    "treated_mean": treated.where(treated > 0),
                    "control_replicates": replicates[0],
                    "replicates": replicates[1],
                    "depth_top": rows["soil_upper_limit"],
                    "depth_bottom": rows["soil_lower_limit"],
                    "duration": _numbers(rows[time]).where(lambda years: years > 0),
                    "mean_annual_temperature": rows["temp_raster"],
                    "mean_annual_precipitation": _numbers(rows["precip_raster"]),
                }
            )
        )
    pairs = pd.concat(frames, ignore_index=True).dropna(subset=["control_mean", "treated_mean"])
    pairs = pairs.assign(lever="irrigation", fraction=PEDON, ecosystem="cropland")
    return pairs, len(series) + len(beside)


NATIVE = {"cropping": "cultivation", "irrigated cropping": "cultivation", "grazing": "grazing_of_native_land",
          "plantation": "plantation_of_native_land"}  # fmt: skip
ECOSYSTEM = {"cultivation": "cropland", "grazing_of_native_land": "grassland", "plantation_of_native_land": "forest"}


def native_pairs(literature: Path) -> Read:
    """Farmed land beside native land to 30 cm, and restored beside farmed."""
    folder = literature / "sanderman2017_native_agriculture_pairs"
    sites, papers = pd.read_csv(folder / "sites.csv"), pd.read_csv(folder / "references.csv")
    usable = sites[sites["30 cm SOC"] > 0].merge(papers[["Source No.", "Citation", "DOI"]], on="Source No.", how="left")
    kind = usable["Native/Ag/Restored"]
    pair = ["Source No.", "Pair ID"]
    native = usable[kind == "Native"].groupby(pair)["30 cm SOC"].mean().rename("control_mean")
    farmed = usable[(kind == "Agriculture") & (usable["LULC category"].isin(["cropping", "irrigated cropping"]))]
    cropped = farmed.groupby(pair)["30 cm SOC"].mean().rename("control_mean")
    used = (
        usable[kind == "Agriculture"]
        .assign(lever=lambda rows: rows["LULC category"].map(NATIVE))
        .dropna(subset="lever")
    )
    restored = usable[kind == "Restored"].assign(lever=lambda rows: rows["LULC category"] + "_restoration")
    pairs = pd.concat(
        [used.merge(native.reset_index(), on=pair), restored.merge(cropped.reset_index(), on=pair)], ignore_index=True
    )
    citation = pairs["Citation"].astype("str")
    out = pd.DataFrame(
        {
            "study": citation.str.extract(r"^\W*([\w'-]+)")[0].fillna("no citation")
            + " "
            + citation.str.extract(r"((?:19|20)\d\d)")[0].fillna(""),
            "doi": pairs["DOI"].astype("str").str.extract(r"(10\.\S+)")[0],
            "site": pairs["Pair ID"].astype("str"),
            "lever": pairs["lever"],
            "fraction": PEDON,
            "control_mean": pairs["control_mean"],
            "treated_mean": pairs["30 cm SOC"],
            "control": pairs["Pair ID"].astype("str") + pairs["lever"].str.contains("restoration").map(str),
            "depth_top": 0.0,
            "depth_bottom": 30.0,
            "duration": _years(pairs["Time since LUC (yr)"]),
            "ecosystem": pairs["lever"].map(ECOSYSTEM).fillna(pairs["LULC category"]),
            "latitude": pd.to_numeric(pairs["Latitude"], errors="coerce"),
            "longitude": pd.to_numeric(pairs["Longitude"], errors="coerce"),
        }
    )
    return out, len(sites)


def forest_to_cropland(literature: Path) -> Read:
    """Share of carbon that forest lost as cropland, at the last time of each place and layer."""
    raw = pd.read_csv(literature / "forest_grassland_conversion" / "wei2014_forest_to_cropland.csv")
    place = raw["Location"].fillna(raw["References"].str[:60]).fillna("no place")
    rows = raw.assign(place=place.astype("str").str.strip(), years=_numbers(raw["Time"]))
    rows = _latest(rows[rows["OC_decrease"] < 95], ["Region", "place", "depth", "Texture"], "years")
    layer = _limits(rows["depth"])
    pairs = pd.DataFrame(
        {
            "study": "forest to cropland, "
            + rows["Region"].fillna("no region")
            + ", "
            + rows["place"].fillna("no place"),
            "lever": "cultivation",
            "fraction": PEDON,
            "log_response_ratio": np.log1p(-rows["OC_decrease"] / 100),
            "depth_top": layer["depth_top"],
            "depth_bottom": layer["depth_bottom"],
            "duration": rows["years"].where(rows["years"] > 0),
            "ecosystem": "cropland",
        }
    )
    return pairs, len(raw)


CONVERSION = {
    ("Cropland", "Pasture"): ("grassland_restoration", "grassland"),
    ("Cropland", "Grassland"): ("grassland_restoration", "grassland"),
    ("Cropland", "Forest"): ("forest_restoration", "forest"),
    ("Forest", "Pasture"): ("pasture_from_forest", "grassland"),
}


def conversions(literature: Path) -> Read:
    """Stocks before and after conversions to pasture, grass and forest; placeholders of 1, 2 and 10 are left out."""
    raw = pd.read_csv(literature / "forest_grassland_conversion" / "post_kwon2000_conversions.csv")
    kind = pd.Series(
        [CONVERSION.get(pair) for pair in zip(raw["Initial_Land_Use"], raw["Final_Land_Use"], strict=True)]
    )
    used = kind.notna() & (raw["Initial_C"] > 10) & (raw["Final_C"] > 10)
    rows, kinds = raw[used], kind[used]
    pairs = pd.DataFrame(
        {
            "study": rows["Publication"].astype("str").str.replace(r"[()]", "", regex=True),
            "site": rows["Location"].astype("str"),
            "lever": [one[0] for one in kinds],
            "ecosystem": [one[1] for one in kinds],
            "fraction": PEDON,
            "control_mean": rows["Initial_C"],
            "treated_mean": rows["Final_C"],
            "duration": rows["Time"],
            "comparison": "space_for_time",
        }
    )
    return pairs, len(raw)


def hedgerows(literature: Path) -> Read:
    """Soil under hedgerows beside the crop, farm by farm, mean of three places of each layer."""
    raw = pd.read_csv(literature / "chiartas_hedgerow_soil_carbon" / "hedgerow_soil_layers.csv")
    by = ["Site", "Upper_Depth", "Lower_Depth", "HR_age"]
    cores = raw.groupby([*by, "Treatment", "Location"], as_index=False)["per_C"].mean()
    arms = cores.groupby([*by, "Treatment"])["per_C"].agg(["mean", "std", "count"]).unstack()  # noqa: PD010
    complete = arms.dropna()
    clay = raw.groupby(by)["clay"].mean().reindex(complete.index).to_numpy()
    both = complete.reset_index()
    pairs = pd.DataFrame(
        {
            "study": "Chiartas 2022",
            "site": "farm " + both["Site"].astype("str"),
            "lever": "hedgerow",
            "fraction": PEDON,
            "control_mean": 10 * both[("mean", "R")],
            "treated_mean": 10 * both[("mean", "H")],
            "control_sd": 10 * both[("std", "R")],
            "treated_sd": 10 * both[("std", "H")],
            "control_replicates": both[("count", "R")],
            "replicates": both[("count", "H")],
            "depth_top": both["Upper_Depth"],
            "depth_bottom": both["Lower_Depth"],
            "duration": both["HR_age"],
            "clay": clay,
            "ecosystem": "cropland",
        }
    )
    return pairs, len(raw)


def grazing(literature: Path) -> Read:
    """Grazing excluded, for short or long, beside grazed land that was restored alike, year by year."""
    folder = literature / "grazing_exclusion_necromass_zxhm"
    parts, plants = pd.read_csv(folder / "necromass_maoc_poc.csv"), pd.read_csv(folder / "plant_soil.csv")
    parts["necromass"] = parts["BNC"] + parts["FNC"]
    frames = []
    for table, column, fraction in (
        (parts, "MAOC", "mineral_associated_organic_carbon"), (parts, "POC", "particulate_organic_carbon"),
        (parts, "necromass", "necromass"), (plants, "SOC", PEDON),
    ):  # fmt: skip
        arms = table.groupby(["Time", "Group"])[column].agg(["mean", "std", "count"]).reset_index()
        control = arms[arms["Group"] == "TGG"]
        both = arms[arms["Group"].isin(["SGE", "LGE"])].merge(control, on="Time", suffixes=("_t", "_c"))
        frames.append(
            pd.DataFrame(
                {
                    "fraction": fraction,
                    "site": "one",
                    "year": both["Time"],
                    "control": "grazed in " + both["Time"].astype("str"),
                    "control_mean": both["mean_c"],
                    "treated_mean": both["mean_t"],
                    "control_sd": both["std_c"],
                    "treated_sd": both["std_t"],
                    "control_replicates": both["count_c"],
                    "replicates": both["count_t"],
                }
            )
        )
    pairs = pd.concat(frames, ignore_index=True).assign(
        study="alpine grazing exclusion", lever="grazing_exclusion", ecosystem="grassland"
    )
    return pairs, len(parts) + len(plants)


READERS: dict[str, Callable[[Path], Read]] = {
    "AgEvidence": agevidence,
    "SoilHealthDB": soil_health,
    "irrigation synthesis 2021": irrigation,
    "native and farmed pairs 2017": native_pairs,
    "forest to cropland 2014": forest_to_cropland,
    "conversions 2000": conversions,
    "hedgerows 2022": hedgerows,
    "grazing exclusion": grazing,
}
"""What reads each synthesis, by the name that its pairs have as a compilation; their terms stand in
``data/curation/fitted.py``."""


def read_all(literature: Path) -> tuple[pd.DataFrame, list[str]]:
    """Pairs of every synthesis, and what was left out.

    Parameters
    ----------
    literature
        Folder of raw files, one subfolder per source.
    """
    frames, notes = [], []
    for name, reader in READERS.items():
        pairs, read = reader(literature)
        kept, said = plausible(pairs, name, read)
        frames.append(kept.dropna(axis=1, how="all"))
        notes.append(said)
    return pd.concat(frames, ignore_index=True), notes
