"""Organic carbon of field plots through time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from curation import Curated, Exclusions, main
from field import (
    MILLENNIUM,
    MILLENNIUM_TREATMENTS,
    ROTHAMSTED,
    WOBURN,
    australia,
    classical,
    ley_arable,
    month_middle,
    woburn,
)

from socbayes.reading.dates import decimal_year

# Notes of the archive that say a value was computed from samples of other depths.
OTHER_DEPTHS = {"Highfield": {"1", "2", "3", "4"}, "Fosters": {"2", "4", "5"}}
LEY_DOI = {"Highfield": "10.23637/rrn1-HLAsoc4814-01", "Fosters": "10.23637/rrn2-FLAsoc5014-01"}


def classical_plots(literature: Path, exclusions: Exclusions) -> pd.DataFrame:
    """Broadbalk, Hoosfield and the two wildernesses."""
    raw = classical(literature)
    flag = raw["flag"].fillna("")
    raw = exclusions.drop(
        raw, flag.str.contains("not soil"), "Rothamsted wildernesses: carbon of litter, roots and trees"
    )
    raw = exclusions.drop(
        raw,
        raw["experiment"] == "Ley-arable (summary)",
        "Highfield and Fosters summary: treatment means of plots that are here one by one",
    )
    flag = raw["flag"].fillna("")
    origin = pd.Series("measured", index=raw.index)
    origin = origin.mask(flag.str.startswith("estimated"), "estimated").mask(flag.str.startswith("derived"), "derived")
    woods = raw["experiment"].str.contains("Wilderness")
    return pd.DataFrame(
        {
            "site": ROTHAMSTED,
            "plot": raw["plot"],
            "year": raw["year"].astype("float64"),
            "study": raw["experiment"],
            "treatment": raw["treatment"].mask(woods, "arable land left to woodland"),
            "date": raw["year"].astype("str"),
            "depth_top": 0.0,
            "depth_bottom": raw["depth_cm"].astype("float64"),
            "soc_stock": raw["soc_t_ha"],
            "soil_organic_carbon": raw["soc_percent"] * 10,
            "value_origin": origin,
            "ecosystem": woods.map({True: "forest", False: "cropland"}),
            "doi": raw["doi"],
        }
    )


def bare_fallow_plots(literature: Path) -> pd.DataFrame:
    """Highfield bare fallow, four sub-plots."""
    raw = pd.read_csv(literature / "rothamsted_era" / "highfield_bare_fallow.csv")
    # Notes 1 and 3 of the archive: no exact date in 1959 and 1971.
    date = raw["sample_date"].where(~raw["sample_year"].isin([1959, 1971]), raw["sample_date"].str[:7])
    return pd.DataFrame(
        {
            "site": ROTHAMSTED,
            "plot": "Highfield bare fallow " + raw["sub_plot"].astype("str"),
            "year": date.map(decimal_year),
            "study": "Highfield bare fallow",
            "treatment": "bare fallow since 1959",
            "date": date,
            "depth_top": 0.0,
            "depth_bottom": 23.0,
            "soc_stock": raw["soc_stock_t_ha"],
            "soil_organic_carbon": raw["percent_soc"] * 10,
            "bulk_density": raw["bulk_density_g_cm3"],
            "value_origin": "measured",
            "total_nitrogen": raw["percent_n"] * 10,
            "ph": raw["soil_pH"],
            "ecosystem": "cropland",
            "doi": "10.23637/rrs1-SOILCN1959-2014-01",
        }
    )


def ley_arable_plots(literature: Path, field_name: str, exclusions: Exclusions) -> pd.DataFrame:
    """Highfield or Fosters ley-arable, plot by plot."""
    raw = ley_arable(literature, field_name)
    origin = raw["notes"].map(lambda notes: "derived" if notes & OTHER_DEPTHS[field_name] else "measured")
    raw["replicates"] = float("nan")
    if field_name == "Highfield":
        bulked = raw["notes"].map(lambda notes: "8" in notes)
        pairs = raw["notes"].map(lambda notes: "6" in notes) & raw["sub_plot"].notna()
        raw.loc[bulked, "plot"] = "Highfield block " + raw["block"].astype("str") + ", bulked"
        raw.loc[bulked, "treatment"] = "A, Lu, Cg and L"
        raw.loc[pairs, "plot"] = "Highfield " + raw["main_plot"]
        raw.loc[pairs, "treatment"] = "Rpc and Rpn"
        shared = bulked | pairs
        reason = "Highfield: one sample bulked from several plots (notes 6, 8), printed on each of them"
    else:
        shared = raw["year"] == 1950
        raw.loc[shared, "plot"] = "Fosters blocks 10-12, bulked"
        raw.loc[shared, "treatment"] = "before the experiment"
        raw.loc[shared, "replicates"] = 42.0
        reason = "Fosters 1950: one bulked sample of 42 (note 1), printed on each block"
    raw["origin"] = origin.mask(shared, "pooled")
    again = shared & raw.duplicated(["plot", "date" if field_name == "Fosters" else "year", "percent_soc"])
    raw = exclusions.drop(raw, again, reason)
    return pd.DataFrame(
        {
            "site": ROTHAMSTED,
            "plot": raw["plot"],
            "year": raw["date"].map(decimal_year),
            "study": f"{field_name} ley-arable",
            "treatment": raw["treatment"],
            "block": raw["block"].astype("str"),
            "date": raw["date"],
            "depth_top": 0.0,
            "depth_bottom": 23.0,
            "soil_organic_carbon": raw["percent_soc"] * 10,
            "bulk_density": raw["bulk_density"],
            "replicates": raw["replicates"],
            "value_origin": raw["origin"],
            "total_nitrogen": raw["percent_total_N"] * 10,
            "ph": raw["pH_in_water"],
            "ecosystem": raw["rotation_type"].str.contains("grass").map({True: "grassland", False: "cropland"}),
            "doi": LEY_DOI[field_name],
        }
    )


def woburn_plots(literature: Path, exclusions: Exclusions) -> pd.DataFrame:
    """Woburn ley-arable, plot by plot."""
    raw = woburn(literature)
    start = raw["year"] == 1938
    raw["origin"] = raw["note_id"].notna().map({True: "derived", False: "measured"}).mask(start, "pooled")
    raw["plot"] = raw["plot"].mask(start, "Woburn, all blocks")
    raw["treatment"] = raw["treatment"].mask(start, "before the experiment")
    raw["block"] = raw["block"].astype("str").mask(start)
    raw = exclusions.drop(
        raw, start & raw.duplicated(["plot", "year"]), "Woburn 1938: mean of all blocks (note 1), printed on each plot"
    )
    return pd.DataFrame(
        {
            "site": WOBURN,
            "plot": raw["plot"],
            "year": raw["date"].map(decimal_year),
            "study": "Woburn ley-arable",
            "treatment": raw["treatment"],
            "block": raw["block"],
            "date": raw["date"],
            "depth_top": 0.0,
            "depth_bottom": 25.0,
            "soil_organic_carbon": raw["percent_soc"] * 10,
            "bulk_density": raw["bulk_density"],
            "value_origin": raw["origin"],
            "total_nitrogen": raw["percent_n"] * 10,
            "ecosystem": "cropland",
            "doi": "10.23637/wrn3-soc3809-01",
        }
    )


def tillage_plots(literature: Path) -> pd.DataFrame:
    """Forty-two plots of the Millennium Tillage Trial."""
    raw = pd.read_csv(literature / "millennium_tillage_trial" / "observations.csv")
    treatment = raw["treatment_code"].map(MILLENNIUM_TREATMENTS)
    return pd.DataFrame(
        {
            "site": MILLENNIUM,
            "plot": raw["plot"].astype("str"),
            "year": month_middle(raw["month_index"]),
            "study": "Millennium Tillage Trial",
            "treatment": treatment,
            "depth_top": 0.0,
            "depth_bottom": 25.0,
            "soc_stock": raw["TOC_t_ha"],
            "particulate_carbon_stock": raw["POC_t_ha"],
            "resistant_carbon_stock": raw["ROC_t_ha"],
            "value_origin": "measured",
            "ecosystem": treatment.map({"pasture": "grassland"}).fillna("cropland"),
            "doi": "10.48550/arXiv.2411.06073",
        }
    )


def australian_fields(literature: Path, exclusions: Exclusions) -> pd.DataFrame:
    """Fields of Tarlee and Brigalow."""
    raw = australia(literature)
    raw = exclusions.drop(
        raw,
        raw["TOC_t_ha"].isna(),
        "Tarlee and Brigalow: no soil sampled; the crop of that year is in field_management",
    )
    return pd.DataFrame(
        {
            "site": raw["site"],
            "plot": raw["plot"],
            "year": raw["year"].astype("float64"),
            "study": raw["site"],
            "treatment": raw["treatment"],
            "date": raw["year"].astype("str"),
            "soc_stock": raw["TOC_t_ha"],
            "particulate_carbon_stock": raw["POC_t_ha"],
            "humus_carbon_stock": raw["HUM_t_ha"],
            "resistant_carbon_stock": raw["IOM_t_ha"],
            "value_origin": "measured",
            "ecosystem": (raw["treatment"] == "pasture").map({True: "grassland", False: "cropland"}),
            "doi": "10.1038/s41598-024-53516-z",
        }
    )


def curate(literature: Path) -> Curated:
    """Keep every dated value of organic carbon of soil, once."""
    exclusions = Exclusions()
    frames = [
        classical_plots(literature, exclusions),
        bare_fallow_plots(literature),
        *(ley_arable_plots(literature, field_name, exclusions) for field_name in ("Highfield", "Fosters")),
        woburn_plots(literature, exclusions),
        tillage_plots(literature),
        australian_fields(literature, exclusions),
    ]
    frame = pd.concat(frames, ignore_index=True)
    if frame.duplicated(["site", "plot", "year"]).any():
        raise ValueError("a plot has two values at one time")
    return Curated(
        name="field_soc",
        title="Organic carbon of field plots through time",
        description="Stocks or concentrations of organic carbon, with particulate, humus and resistant carbon where "
        "measured, plot by plot: Broadbalk, Hoosfield, Highfield, Fosters, Woburn and the wildernesses of Rothamsted, "
        "the Millennium Tillage Trial, Tarlee and Brigalow.",
        frame=frame,
        raw_rows=len(frame) + sum(item["rows"] for item in exclusions),
        exclusions=exclusions,
        sources=[
            "rothamsted_broadbalk_soc",
            "rothamsted_hoosfield_soc",
            "rothamsted_geescroft",
            "rothamsted_broadbalk_wilderness",
            "rothamsted_highfield_bare_fallow",
            "rothamsted_highfield_ley_arable",
            "rothamsted_fosters_ley_arable",
            "rothamsted_woburn_ley_arable",
            "millennium_tillage_trial",
            "tarlee_brigalow_soc",
        ],
        choices=[
            "Rows of site Rothamsted and Woburn are CC BY 4.0, those of the Millennium Tillage Trial BSD-3-Clause; "
            "Tarlee and Brigalow state no licence.",
            "value_origin tells measured values from starting values assumed by the source (estimated), values "
            "computed from total nitrogen or from samples of other depths (derived) and samples bulked from several "
            "plots (pooled); a pooled sample stands once, under a plot name of its own.",
            "Year follows the sampling date, not the nominal year: the archive's 1981, 1984 and 2000 include samples "
            "of January 1982, April 1985 and May 2001; Woburn's 1955 and 1961 were sampled in 1956 and 1963 (notes 2, "
            "3).",
            "Highfield dates of 1961, 1967 and 1969 and Fosters dates of 1967 to 1975 rise by a day per row, filled in "
            "where no day was recorded: the month is kept. Of spring 1956 only the year is known.",
            "Highfield, Fosters and Woburn give concentrations; the archive's bulk densities are mostly assumed or "
            "interpolated, so no stock is computed. Broadbalk stocks under manure are corrected by the source to equal "
            "soil mass and are not concentration times bulk density.",
            "Highfield plots [G] and [Gc] were ploughed by mistake in 1963; the source asks to leave them out of "
            "analyses of continuous grass. Sub-plots of 1963 to 1990 carry .1 or .2 behind the name of their plot.",
            "Topsoil of the Rothamsted fields holds 20 to 25 % clay by the sheets of the wildernesses; no plot has "
            "its own.",
            "Analytical methods changed within series (Walkley-Black, Tinsley to 1987, combustion after).",
            "Time in the Millennium Tillage Trial is a month count from a month in 2000 that the source does not name, "
            "taken as January: intervals are exact, calendar years up to a year early. Two letters of its treatments "
            "are tillage in two seasons (I intensive, M minimum, N none); the digit is not explained.",
            "Depth is not stated for Tarlee and Brigalow. Fractions of Brigalow field 3 in 1986 add up to 53.8 of "
            "61.16 t/ha; all four numbers are kept.",
        ],
    )


if __name__ == "__main__":
    main(curate)
