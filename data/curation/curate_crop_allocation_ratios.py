"""Ratios of product, straw, roots and rhizodeposits of annual crops, each with the study that states it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from curation import Curated, Exclusions, main

GROUP_OF = {
    "wheat": "cereal",
    "barley": "cereal",
    "oat": "cereal",
    "rye": "cereal",
    "rice": "cereal",
    "maize": "cereal",
    "sorghum": "cereal",
    "millet": "cereal",
    "pea": "legume",
    "faba bean": "legume",
    "bean": "legume",
    "chickpea": "legume",
    "lentil": "legume",
    "soybean": "legume",
    "groundnut": "legume",
    "rapeseed": "oilseed",
    "sunflower": "oilseed",
    "safflower": "oilseed",
    "cotton": "oilseed",
    "potato": "root_crop",
    "sugar beet": "root_crop",
}
NAMES = {
    "Wheat": "wheat",
    "Winter_wheat": "wheat",
    "Spring_wheat": "wheat",
    "Barley": "barley",
    "Oats": "oat",
    "Rye": "rye",
    "Rice": "rice",
    "Maize": "maize",
    "Sorghum": "sorghum",
    "Millet": "millet",
    "Pea": "pea",
    "Pulses_other": "pea",
    "Fava bean": "faba bean",
    "Dry_beans": "bean",
    "Chickpea": "chickpea",
    "Soybeans": "soybean",
    "Soyabeans": "soybean",
    "Groundnuts": "groundnut",
    "Groundnuts, with shell": "groundnut",
    "Rapeseed": "rapeseed",
    "Rape": "rapeseed",
    "Sunflower": "sunflower",
    "Sunflower seed": "sunflower",
    "Safflower": "safflower",
    "Cotton": "cotton",
    "Cottonseed": "cotton",
    "Potatoes": "potato",
    "Potato": "potato",
    "Sugar_beet": "sugar beet",
    "Sugar beet": "sugar beet",
    "beet, sugar": "sugar beet",
}
PROXY = r"proxy|analogy|adjusted|generic|perennial|forages"
FIELD_TRIAL = "Hirte et al. (2018)"
# Two yields stand for a line: it has two coefficients.
AROUND = (0.6, 1.6)
# Rhizodeposits over roots that one study assumed for all its crops, to the rounding of shares.
ASSUMED = (0.64, 0.67)
CARBON_OF_DRY_MATTER = 0.45
ALLOCATED = "soilmanager_crop_c_allocation"
COMPILED = "whep_crop_root_coefficients"


def curate(literature: Path) -> Curated:
    """Keep ratios that a named study states for an annual crop."""
    tables = literature / ALLOCATED, literature / COMPILED
    allocated = pd.read_csv(tables[0] / "c_input_crops_lut.csv")
    yields = _reference_yields(allocated)
    raw = pd.DataFrame(
        [
            *_shares(allocated),
            *_harvest_indices(allocated, yields),
            *_fixed_roots(allocated, yields),
            *_residues(pd.read_csv(tables[1] / "ipcc_residue_coefs.csv"), yields),
            *_panel_roots(pd.read_csv(tables[1] / "ipcc_root_coefs.csv")),
            *_compiled_roots(
                pd.read_csv(tables[1] / "bio_coefs_root_subset.csv"), pd.read_csv(tables[1] / "bio_coefs_sources.csv")
            ),
        ]
    )
    total = len(raw)
    exclusions = Exclusions()
    raw = exclusions.drop(raw, ~raw["crop"].isin(list(GROUP_OF)), "no annual field crop with a product")
    raw = exclusions.drop(raw, raw["study"].isna(), "no study of its own is named: a proxy, an adjustment, an average")
    raw = exclusions.drop(raw, ~(raw["carbon_ratio"] > 0), "zero, which stands for not counted")
    of_root_crop = raw["crop"].map(GROUP_OF).eq("root_crop") & raw["allocation_ratio"].eq("root_to_shoot")
    unclear = of_root_crop & raw["study"].str.contains("IPCC|Kyle")
    raw = exclusions.drop(raw, unclear, "roots of root crops over a shoot that may or may not hold the product")
    assumed = raw["allocation_ratio"].eq("rhizodeposit_to_root") & raw["carbon_ratio"].between(*ASSUMED)
    raw = exclusions.drop(raw, assumed & raw["crop"].ne("wheat"), "one assumption repeated over crops, kept for wheat")
    told = ["study", "crop", "allocation_ratio", "yield_dry_matter"]
    repeated = raw.assign(rounded=raw["carbon_ratio"].round(3)).duplicated([*told, "rounded"])
    raw = exclusions.drop(raw, repeated, "the same number of the same study a second time, as winter and spring crop")
    raw = raw.sort_values(["allocation_ratio", "crop", "study", "yield_dry_matter"], kind="stable")
    short = raw["allocation_ratio"].str.split("_").str[0]
    number = raw.groupby("allocation_ratio").cumcount() + 1
    frame = pd.DataFrame(
        {
            "observation": short + number.map("-{:03d}".format),
            "study": raw["study"],
            "crop": raw["crop"],
            "crop_group": raw["crop"].map(GROUP_OF),
            "allocation_ratio": raw["allocation_ratio"],
            "carbon_ratio": raw["carbon_ratio"],
            "grown": "compiled",
            "yield_dry_matter": raw["yield_dry_matter"],
        }
    )
    return Curated(
        name="crop_allocation_ratios",
        title="How annual crops share out their carbon",
        description="Ratios of straw to product, roots to shoot and rhizodeposits to roots of mature crops, each "
        "attributed to the study or compilation that states it.",
        frame=frame,
        raw_rows=total,
        exclusions=exclusions,
        sources=[ALLOCATED, COMPILED],
        choices=[
            "Coefficients of compilations, without uncertainties; how far they differ is what is known of their error.",
            "Masses and carbon are taken to be in the same ratio, as parts of a crop hold nearly the same carbon.",
            f"A residue or harvest index that depends on the yield stands as its values at {AROUND[0]:g} and "
            f"{AROUND[1]:g} times a reference yield: that of the crop, else the mean of its group.",
            f"Root carbon of {FIELD_TRIAL} was found to be independent of production; it stands at the reference "
            "yield of wheat and maize, and other crops that borrow it are left out.",
            "Rhizodeposits of the second source name no study and are not used.",
        ],
    )


def _species(name: str) -> str:
    """Species of a crop of the first source."""
    return NAMES.get(name, name.split(",")[0])


def _reference_yields(allocated: pd.DataFrame) -> dict[str, float]:
    """Yield of each species, t/ha: its own, else the mean of its group."""
    grain = allocated[allocated["Crop"] != "maize, silage"]
    own = grain.groupby(grain["Crop"].map(_species))["crop_product"].mean()
    of_group = own[own.index.isin(GROUP_OF)].groupby(GROUP_OF).mean()
    return {crop: float(own.get(crop, of_group[group])) for crop, group in GROUP_OF.items()}


def _row(ratio: str, crop: str, study: str | None, value: float, grain: float = np.nan) -> dict:
    """One ratio."""
    return {
        "allocation_ratio": ratio,
        "crop": crop,
        "study": study,
        "carbon_ratio": value,
        "yield_dry_matter": grain,
    }


def _shares(allocated: pd.DataFrame) -> list[dict]:
    """Ratios of shares of plant carbon, each crop after the study that its source names first."""
    rows = []
    for one in allocated.dropna(subset=["RP"]).to_dict("records"):
        source = str(one["Source"])
        named = re.match(r"([A-ZÀ-Ý][\wà-ÿ\-]+ et al\. \(\d{4}\))", source)
        borrowed = "same as" in source or "Keel" in source.split(",")[0] or "triticale" in one["Crop"]
        study = named.group(1) if named and not borrowed else None
        crop = "maize for silage" if one["Crop"] == "maize, silage" else _species(one["Crop"])
        if "small grained" in source:
            study = "Bolinder et al. (2007)" if crop == "rye" else None
        shoot = one["RP"] + one["RS"]
        rows += [
            _row("straw_to_product", crop, study, one["RS"] / one["RP"]),
            _row("root_to_shoot", crop, study, one["RR"] / shoot),
            _row("rhizodeposit_to_root", crop, study, one["RE"] / one["RR"]),
        ]
    return rows


def _harvest_indices(allocated: pd.DataFrame, yields: dict[str, float]) -> list[dict]:
    """Straw over product where the harvest index grows with the yield; that of all cereals is no crop's own."""
    lines = allocated.dropna(subset=["HI_intercept"]).drop_duplicates(["HI_intercept", "HI_slope", "Source"])
    rows = []
    for one in lines.to_dict("records"):
        crop = _species(one["Crop"])
        study = None if "HI for cereals" in one["Source"] else "Fan et al. (2017)"
        for factor in AROUND:
            grain = factor * yields.get(crop, 1.0)
            index = one["HI_intercept"] + one["HI_slope"] * grain
            rows.append(_row("straw_to_product", crop, study, (1 - index) / index, grain))
    return rows


def _fixed_roots(allocated: pd.DataFrame, yields: dict[str, float]) -> list[dict]:
    """Root carbon that does not depend on the yield, over the shoot at the reference yield; kg to t."""
    rows = []
    for one in allocated.dropna(subset=["C_input_root", "RP"]).to_dict("records"):
        crop = "maize for silage" if one["Crop"] == "maize, silage" else _species(one["Crop"])
        grain = yields.get(crop, 1.0)
        shoot = grain * CARBON_OF_DRY_MATTER * (one["RP"] + one["RS"]) / one["RP"]
        study = FIELD_TRIAL if one["Crop"] in ("wheat, winter", "maize, grain") else None
        rows.append(_row("root_to_shoot", crop, study, one["C_input_root"] / 1000 / shoot, grain))
    return rows


def _residues(lines: pd.DataFrame, yields: dict[str, float]) -> list[dict]:
    """Residue over product, of a line of residue on yield."""
    rows = []
    for one in lines.to_dict("records"):
        crop = NAMES.get(one["ipcc_crop"], one["ipcc_crop"])
        for factor in AROUND:
            grain = factor * yields.get(crop, 1.0)
            value = one["slope_ag"] + one["intercept_ag_dm_t_ha"] / grain
            rows.append(_row("straw_to_product", crop, _panel(one["source"]), value, grain))
    return rows


def _panel_roots(table: pd.DataFrame) -> list[dict]:
    """Below-ground over above-ground biomass by the climate panel."""
    return [
        _row("root_to_shoot", NAMES.get(one["ipcc_crop"], one["ipcc_crop"]), _panel(one["source"]), one["rs_default"])
        for one in table.to_dict("records")
    ]


def _panel(source: str) -> str | None:
    """Which guidelines a coefficient is of; None for what was adjusted or stands for another crop."""
    edition = re.match(r"IPCC (\d{4})", source)
    return None if re.search(PROXY, source) or not edition else f"IPCC ({edition.group(1)})"


def _compiled_roots(items: pd.DataFrame, sources: pd.DataFrame) -> list[dict]:
    """Root over shoot of items whose source is one study."""
    first = sources.drop_duplicates("Name_biomass").set_index("Name_biomass")["Root_Shoot_ratio"].fillna("")
    named = {
        name: source.strip()
        for name, source in first.items()
        if re.fullmatch(r"[\w ]+ et al\. \(\d{4}\)", source.strip())
    }
    return [
        _row(
            "root_to_shoot",
            NAMES.get(one["name_biomass"], one["name_biomass"]),
            named.get(one["name_biomass"]),
            one["root_shoot_ratio"],
        )
        for one in items.drop_duplicates("name_biomass").to_dict("records")
    ]


if __name__ == "__main__":
    main(curate)
