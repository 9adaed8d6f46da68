"""Crops, yields, manure, tillage and carbon inputs of the field plots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from curation import Curated, Exclusions, main
from field import (
    MILLENNIUM,
    MILLENNIUM_TILLAGE,
    MILLENNIUM_TREATMENTS,
    ROTHAMSTED,
    WOBURN,
    australia,
    ley_arable,
    named_plots,
    woburn,
)

DRY_MATTER_OF_GRAIN = 0.85
FRESH_MANURE = 35.0
LAST_SAMPLED = {"Highfield": 2014, "Fosters": 2014, "Woburn": 2009}
CROPS = {
    "w": "wheat",
    "s": "sorghum",
    "s1": "sorghum, first crop",
    "s2": "sorghum, second crop",
    "p": "pasture",
    "f": "fallow",
    "cleared": "cleared of native vegetation",
}
# Treatments of Broadbalk by plot that have no yields in the source: begin, end, manure.
HISTORIES = (
    ("Broadbalk 2.2", "FYM since 1843", 1843, 1852, FRESH_MANURE),
    ("Broadbalk 2.1", "FYM since 1885", 1885, 2016, FRESH_MANURE),
    ("Broadbalk 1", "FYM+N 1968-2000, N4 only since 2001", 1968, 2001, FRESH_MANURE),
    ("Broadbalk 1", "FYM+N 1968-2000, N4 only since 2001", 2001, 2016, 0.0),
    ("Broadbalk 5", "PK", 1843, 2016, 0.0),
)
SIX_YEARS = ", 3 years arable"
FIVE_YEARS = ", 2 years arable"
ROTATIONS = {
    "A": "arable",
    "Al": "arable after ley-arable",
    "L": "3 years grazed ley" + SIX_YEARS,
    "Cg": "3 years cut grass-clover ley" + SIX_YEARS,
    "Lu": "3 years lucerne" + SIX_YEARS,
    "Ln": "3 years grass ley" + SIX_YEARS,
    "Lc": "3 years grass-clover ley" + SIX_YEARS,
    "Lc (Lu)": "3 years grass-clover ley" + SIX_YEARS,
    "Lc (Ln)": "3 years grass-clover ley" + SIX_YEARS,
    "Lc (Lc)": "3 years grass-clover ley" + SIX_YEARS,
    "R": "reseeded grass, grazed",
    "Rn": "reseeded grass with nitrogen, cut",
    "Rc": "reseeded grass-clover, cut",
    "Rpn": "reseeded grass, arable 1963-1972, then grass with nitrogen, cut",
    "Rpc": "reseeded grass, arable 1963-1972, then grass-clover, cut",
    "F": "bare fallow after ley-arable",
    "G": "permanent grass, grazed",
    "Gn": "permanent grass with nitrogen, cut",
    "Gc": "permanent grass-clover, cut",
    "[G]": "permanent grass, ploughed by mistake in 1963",
    "[Gc]": "permanent grass-clover, ploughed by mistake in 1963",
}
WOBURN_ROTATIONS = {
    "Ar": "3 years arable with a root crop" + FIVE_YEARS,
    "Ah": "3 years arable with a year of hay" + FIVE_YEARS,
    "L": "3 years grass-clover ley" + FIVE_YEARS,
    "Lu": "3 years lucerne or another legume" + FIVE_YEARS,
    "Ar/Lu": "Ar, Lu, Ah and L in turn",
    "Ah/L": "Ah, L, Ar and Lu in turn",
    "Lu/Ar": "Lu, Ar, L and Ah in turn",
    "L/Ah": "L, Ah, Lu and Ar in turn",
    "AF": "2 years fallow and 1 arable" + FIVE_YEARS,
    "AB": "3 years arable" + FIVE_YEARS,
    "AM": "3 years arable with maize" + FIVE_YEARS,
    "ABe": "3 years arable with beans" + FIVE_YEARS,
    "Ln3": "3 years grass ley with nitrogen" + FIVE_YEARS,
    "Lc3": "3 years grass-clover ley" + FIVE_YEARS,
    "LLn8_1st_cycle": "8 years grass ley with nitrogen" + FIVE_YEARS,
    "LLc8_1st_cycle": "8 years grass-clover ley" + FIVE_YEARS,
    "LLn8_2nd_cycle": "8 years grass ley with nitrogen" + FIVE_YEARS,
    "LLc8_2nd_cycle": "8 years grass-clover ley" + FIVE_YEARS,
    "LLn/AO": "3 years arable after 8-year grass leys" + FIVE_YEARS,
    "LLc/ABe": "3 years arable after 8-year grass-clover leys" + FIVE_YEARS,
}
# Treatments of farmyard manure at Woburn, from the table fym_factor_data of the
# archive's data set 10.23637/wrn3-soc3809-01: 37.7 t/ha to the first test crop
# of each cycle, 1941 to 1967; six times on blocks 3 and 5, five on the others.
WOBURN_MANURE = 37.7
WOBURN_DRESSINGS = {1: 5, 2: 5, 3: 6, 4: 5, 5: 6}
ERA_DOI = {
    "Highfield": "10.23637/rrn1-HLAsoc4814-01",
    "Fosters": "10.23637/rrn2-FLAsoc5014-01",
    "Woburn": "10.23637/wrn3-soc3809-01",
}


def last_year(text: str, first: int) -> int:
    """Last year of "1892-01", "1852-61" or "2013-2018"."""
    digits = text.strip()
    if len(digits) == 4:
        return int(digits)
    year = first // 100 * 100 + int(digits)
    return year if year >= first else year + 100


def yields(literature: Path) -> pd.DataFrame:
    """Mean yields of Broadbalk and Hoosfield by period, with what was applied."""
    raw = named_plots(pd.read_csv(literature / "rothamsted_era" / "classical_mean_yields.csv"))
    period = raw["period"].str.split("-", expand=True)
    first = period[0].astype(int)
    last = pd.Series([last_year(text, begin) for text, begin in zip(period[1], first, strict=True)], index=raw.index)
    manured = raw["treatment"].str.startswith("FYM since") | ((raw["plot"] == "Hoosfield 71") & (last <= 1871))
    nitrogen = raw["plot"].map({"Broadbalk 8": 144.0, "Broadbalk 3": 0.0, "Hoosfield 11": 0.0})
    hoosfield = raw["experiment"].str.startswith("Hoosfield")
    return pd.DataFrame(
        {
            "site": ROTHAMSTED,
            "start_year": first,
            "end_year": last + 1,
            "study": raw["experiment"],
            "plot": raw["plot"],
            "treatment": raw["treatment"],
            "crop": hoosfield.map({True: "spring barley", False: "winter wheat"}),
            "yield_dry_matter": raw["grain_t_ha_85pct_dm"] * DRY_MATTER_OF_GRAIN,
            "manure_fresh": manured.map({True: FRESH_MANURE, False: 0.0}),
            "fertilizer_nitrogen": nitrogen,
            "doi": hoosfield.map({True: "10.23637/KeyRefOAHByields", False: "10.23637/rbk1/meanWWYields1852-2022-03"}),
        }
    )


def histories() -> pd.DataFrame:
    """Treatments of Broadbalk without yields, and the Highfield bare fallow."""
    frame = pd.DataFrame(list(HISTORIES), columns=["plot", "treatment", "start_year", "end_year", "manure_fresh"])
    frame = frame.assign(study="Broadbalk wheat", crop="winter wheat", doi="10.23637/KeyRefOABKsoc-02")
    fallow = pd.DataFrame(
        {
            "plot": [f"Highfield bare fallow {number}" for number in range(1, 5)],
            "treatment": "bare fallow since 1959",
            "start_year": 1960,
            "end_year": 2015,
            "manure_fresh": 0.0,
            "study": "Highfield bare fallow",
            "crop": "fallow",
            "plant_carbon_input": 0.0,
            "manure_carbon_input": 0.0,
            "plant_cover": 0.0,
            "doi": "10.23637/rrs1-SOILCN1959-2014-01",
        }
    )
    return pd.concat([frame, fallow], ignore_index=True).assign(site=ROTHAMSTED)


def rotations(literature: Path, field_name: str, exclusions: Exclusions) -> pd.DataFrame:
    """What each rotation code of a ley-arable experiment stands for, and when."""
    raw = pd.read_csv(literature / "rothamsted_era" / f"{field_name.lower()}_ley_arable_rotations.csv")
    at_woburn = field_name == "Woburn"
    code = raw["factor_level_name" if at_woburn else "factor_level_code"].str.strip()
    known = woburn(literature) if at_woburn else ley_arable(literature, field_name)
    raw["treatment"] = code
    sampled = code.isin(set(known["treatment"]))
    if not sampled.all():
        reason = f"{field_name}: rotation, or group of rotations, without soil samples"
        raw = exclusions.drop(raw, ~sampled, reason)
    if at_woburn:
        again = raw["treatment"].eq("ABe") & raw.duplicated("treatment")
        raw = exclusions.drop(raw, again, "Woburn: rotation listed a second time for part of its years")
    years = raw["years"].str.findall(r"\d{4}")
    last = years.map(lambda found: int(found[1]) if len(found) > 1 else LAST_SAMPLED[field_name])
    names = WOBURN_ROTATIONS if at_woburn else ROTATIONS
    bare = raw["treatment"].map(names).str.startswith("bare fallow").map({True: 0.0, False: np.nan})
    return pd.DataFrame(
        {
            "site": WOBURN if at_woburn else ROTHAMSTED,
            "start_year": years.map(lambda found: int(found[0])),
            "end_year": last + 1,
            "study": f"{field_name} ley-arable",
            "treatment": raw["treatment"],
            "crop": raw["treatment"].map(names),
            "plant_carbon_input": bare,
            "plant_cover": bare,
            "doi": ERA_DOI[field_name],
        }
    )


def woburn_manure(literature: Path) -> pd.DataFrame:
    """Manured plots of Woburn, the dressings spread over 1941 to 1967."""
    plots = woburn(literature).query("manured").drop_duplicates("plot")
    return pd.DataFrame(
        {
            "site": WOBURN,
            "start_year": 1941,
            "end_year": 1968,
            "study": "Woburn ley-arable",
            "plot": plots["plot"],
            "manure_fresh": plots["block"].map(WOBURN_DRESSINGS) * WOBURN_MANURE / (1968 - 1941),
            "doi": ERA_DOI["Woburn"],
        }
    )


def tillage_trial(literature: Path) -> pd.DataFrame:
    """Monthly carbon inputs and rate modifiers of the Millennium Tillage Trial."""
    raw = pd.read_csv(literature / "millennium_tillage_trial" / "monthly_drivers.csv")
    treatment = raw["treatment_code"].map(MILLENNIUM_TREATMENTS)
    return pd.DataFrame(
        {
            "site": MILLENNIUM,
            "start_year": 2000 + (raw["month_index"] - 1) / 12,
            "end_year": 2000 + raw["month_index"] / 12,
            "study": "Millennium Tillage Trial",
            "plot": raw["plot"].astype("str"),
            "treatment": treatment,
            "crop": treatment.map({"fallow": "fallow", "pasture": "pasture"}),
            "plant_carbon_input": raw["plant_residue_C_t_ha_month"] * 12,
            "manure_carbon_input": 0.0,
            "tillage": treatment.str[:2].map(MILLENNIUM_TILLAGE),
            "rate_modifier": raw["rothc_rate_modifier_abc"],
            "doi": "10.48550/arXiv.2411.06073",
        }
    )


def australian_crops(literature: Path, exclusions: Exclusions) -> pd.DataFrame:
    """Crops and dry matter of Tarlee and Brigalow, year by year."""
    raw = australia(literature)
    raw = exclusions.drop(raw, raw["Crop"].isna(), "Brigalow 2000: soil sampled, no crop given")
    return pd.DataFrame(
        {
            "site": raw["site"],
            "start_year": raw["year"],
            "end_year": raw["year"] + 1,
            "study": raw["site"],
            "plot": raw["plot"],
            "treatment": raw["treatment"],
            "crop": raw["Crop"].map(CROPS),
            "yield_dry_matter": raw["grain_t_ha"],
            "biomass_dry_matter": raw["TDM_t_ha"],
            "doi": "10.1038/s41598-024-53516-z",
        }
    )


def curate(literature: Path) -> Curated:
    """Keep every crop, yield, manure and carbon input of the plots of field_soc."""
    exclusions = Exclusions()
    frames = [
        yields(literature),
        histories(),
        *(rotations(literature, name, exclusions) for name in ("Highfield", "Fosters", "Woburn")),
        woburn_manure(literature),
        tillage_trial(literature),
        australian_crops(literature, exclusions),
    ]
    frame = pd.concat(frames, ignore_index=True)
    if frame.loc[frame["study"].str.contains("ley-arable") & frame["plot"].isna(), "crop"].isna().any():
        raise ValueError("a rotation without a description")
    return Curated(
        name="field_management",
        title="Crops, yields, manure and carbon inputs of field plots",
        description="What was grown on, added to and done to the plots of field_soc, from start_year to end_year: "
        "yields of Broadbalk and Hoosfield, rotations of Highfield, Fosters and Woburn, monthly carbon inputs of the "
        "Millennium Tillage Trial, yearly dry matter of Tarlee and Brigalow. Amounts are rates per year.",
        frame=frame,
        raw_rows=len(frame) + sum(item["rows"] for item in exclusions),
        exclusions=exclusions,
        sources=[
            "rothamsted_broadbalk_soc",
            "rothamsted_broadbalk_yields",
            "rothamsted_hoosfield_yields",
            "rothamsted_highfield_bare_fallow",
            "rothamsted_highfield_ley_arable",
            "rothamsted_fosters_ley_arable",
            "rothamsted_woburn_ley_arable",
            "millennium_tillage_trial",
            "tarlee_brigalow_soc",
        ],
        choices=[
            "A row without a plot holds for every plot of its treatment, in the sense of field_soc.",
            "Whole harvest years: a period 1852-61 runs from 1852 to 1862. Rotations still running end with the last "
            "soil sampling.",
            "Grain of Broadbalk and Hoosfield at 85 % dry matter was multiplied by 0.85. Manure is 35 t/ha of fresh "
            "farmyard manure a year; its carbon is not stated. Nine rows of Broadbalk and the Highfield bare fallow "
            "say in columns what the names of the treatments say.",
            "Yields are means over the years of a period. All of Hoosfield lay fallow in 1912, 1933, 1943 and 1967, "
            "and parts of Broadbalk in turn since the 1920s; since 1968 the plots of Hoosfield test four rates of "
            "nitrogen.",
            "Manure of Woburn, 37.7 t/ha once in five years, is spread over 1941 to 1967.",
            "Carbon inputs and rate modifiers of the Millennium Tillage Trial are its authors' estimates; months are "
            "those of field_soc. Its manure inputs are zero.",
            "Dry matter and grain stand in fixed ratios in Tarlee in 1990 and from 1992 (0.43) and in Brigalow (wheat "
            "0.37, sorghum 0.40): one was computed from the other. Pasture of Brigalow fields 4 to 6 is one series "
            "printed three times. Units are not written in the source; two sorghum crops of 1995 are two rows to be "
            "added up. Wheat of Tarlee in 1988 and 1989 was cut for hay.",
        ],
    )


if __name__ == "__main__":
    main(curate)
