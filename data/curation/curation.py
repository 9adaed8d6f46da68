"""What every curation script shares: sources, writing a table, its metadata.

A script of this folder turns raw literature files into one tidy table. It has
one function, ``curate(literature)``, which returns a :class:`Curated` table;
:func:`main` gives each script its command line, and ``build_all.py`` runs them
all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from fitted import carried_text

from socbayes.vocabulary import QUANTITIES, SCHEMAS

DATA = Path(__file__).resolve().parents[1]
"""Folder of the bundled tables."""

DECIMAL_YEARS = ("year", "start_year", "end_year", "calendar_year")
"""Columns in which six digits would round a month by two days."""

# Licence as found at the place of publication; commercial_use is what that
# licence says about it, "unstated" where no licence was found.
CC0 = {"name": "CC0-1.0", "title": "CC0 1.0 Universal", "path": "https://creativecommons.org/publicdomain/zero/1.0/"}
CC_BY = {"name": "CC-BY-4.0", "title": "Attribution 4.0", "path": "https://creativecommons.org/licenses/by/4.0/"}
CC_BY_NC = {
    "name": "CC-BY-NC-4.0",
    "title": "Attribution-NonCommercial 4.0",
    "path": "https://creativecommons.org/licenses/by-nc/4.0/",
}
BSD = {"name": "BSD-3-Clause", "title": "BSD 3-Clause", "path": "https://opensource.org/license/bsd-3-clause"}
MIT = {"name": "MIT", "title": "MIT", "path": "https://opensource.org/license/mit"}
GPL2 = {"name": "GPL-2.0", "title": "GNU GPL 2", "path": "https://www.gnu.org/licenses/old-licenses/gpl-2.0.html"}
GPL3 = {"name": "GPL-3.0", "title": "GNU GPL 3", "path": "https://www.gnu.org/licenses/gpl-3.0.html"}
UNSTATED = {"name": "unstated", "title": "No licence stated by the source"}
COMMERCIAL_USE = {
    "CC0-1.0": "allowed",
    "CC-BY-4.0": "allowed",
    "BSD-3-Clause": "allowed",
    "MIT": "allowed",
    "GPL-2.0": "allowed",
    "GPL-3.0": "allowed",
    "CC-BY-NC-4.0": "not allowed",
    "unstated": "unstated",
}


def _era(title: str, citation: str, doi: str) -> dict:
    """One data set of the Electronic Rothamsted Archive."""
    return {
        "title": title,
        "citation": citation,
        "doi": doi,
        "path": "https://github.com/Rothamsted-Ecoinformatics/eRA2023",
        "licence": CC_BY,
        "licence_note": "",
    }


def _soilr(title: str, citation: str, doi: str) -> dict:
    """One calendar of the atmosphere, as the R package SoilR has it."""
    return {
        "title": title,
        "citation": citation,
        "doi": doi,
        "path": "https://github.com/cran/SoilR",
        "licence": GPL3,
        "licence_note": "licence of the R package the numbers were read from",
    }


SOURCES: dict[str, dict] = {
    "qiao2019_cue": {
        "title": "Qiao et al. 2019",
        "citation": "Qiao Y. et al. (2019) Global variation of soil microbial carbon-use efficiency in relation to "
        "growth temperature and substrate supply. Scientific Reports 9:5621.",
        "doi": "10.1038/s41598-019-42145-6",
        "path": "https://github.com/ImperialCollegeLondon/ve_data_science",
        "licence": BSD,
        "licence_note": "licence of the repository the table was read from; the article supplement states none",
    },
    "yu2025_cue_thermal": {
        "title": "Yu et al. 2025",
        "citation": "Yu K. et al. (2025) Nonlinear microbial thermal response and its implications for abrupt soil "
        "organic carbon responses to warming. Nature Communications 16:2763.",
        "doi": "10.1038/s41467-025-57900-9",
        "path": "https://github.com/KailiangYu/Microbial-carbon-use-efficiency",
        "licence": UNSTATED,
        "licence_note": "the repository states none; the article is CC BY-NC-ND 4.0",
    },
    "hu2024_cue_cae_13c_glucose": {
        "title": "Hu et al. 2024",
        "citation": "Hu W.J., Cai Y., Li X.Q., Jia J., Feng X.J. (2024) Microbial carbon accumulation efficiency: "
        "assessing microbial carbon pump efficiency based on 13C-glucose amendment experiment.",
        "doi": "",
        "path": "https://github.com/Holinwj/Metadata",
        "licence": UNSTATED,
        "licence_note": "the repository states none",
    },
    "stone2021_liu_arizona_cue_priming": {
        "title": "Stone et al. 2021 and the Arizona priming archive",
        "citation": "Stone B.W. et al. (2021) Nutrients cause consolidation of soil carbon flux to small proportion "
        "of bacterial community. Nature Communications 12:3381; with the priming archive of X.J.A. Liu, B. Hungate, "
        "R. Mau and P. Dijkstra (Northern Arizona University).",
        "doi": "",
        "path": "https://github.com/bramstone/bacterial-carbon-flux-qSIP",
        "licence": UNSTATED,
        "licence_note": "the repository states none; the archive names a data use policy, access code 1",
    },
    "elias2024_litter_mineral_priming": {
        "title": "Elias et al. 2024",
        "citation": "Elias D.M.O. et al. (2024) Microbial and mineral interactions decouple litter quality from soil "
        "organic matter formation. Nature Communications 15.",
        "doi": "",
        "path": "https://github.com/eliasd198/Locked-Up-Litter-Quality-",
        "licence": CC0,
        "licence_note": "",
    },
    "wooliver2025_drought_residue_glucose": {
        "title": "Drought and residue legacies 2025",
        "citation": "Combined legacy effects of drought and diverse plant residues: fate and priming effects of "
        "glucose (2025) Soil Biology and Biochemistry.",
        "doi": "",
        "path": "https://github.com/rwoolive/drought-diversity-carbon",
        "licence": UNSTATED,
        "licence_note": "the repository states none",
    },
    "wooliver_microplastic_priming": {
        "title": "Microplastic incubation",
        "citation": "Wooliver R., data and code repository microplastic-incubation (2025).",
        "doi": "",
        "path": "https://github.com/rwoolive/microplastic-incubation",
        "licence": UNSTATED,
        "licence_note": "the repository states none",
    },
    "lamps_glucose_priming": {
        "title": "LAMPS incubation",
        "citation": "Villanueva P. et al., LAMPS incubation, data and code repository (2023).",
        "doi": "",
        "path": "https://github.com/pommevilla/lamps_incubation",
        "licence": UNSTATED,
        "licence_note": "the repository states none",
    },
    "fontaine2007_cellulose_priming": {
        "title": "Fontaine et al. 2007",
        "citation": "Fontaine S. et al. (2007) Stability of organic carbon in deep soil layers controlled by fresh "
        "carbon supply. Nature; digitised in the Soil Incubation Database (SIDb).",
        "doi": "10.1038/nature06275",
        "path": "https://github.com/SoilBGC-Datashare/sidb",
        "licence": MIT,
        "licence_note": "licence of the database that digitised the figure",
    },
    "soilr_stan_incubation": {
        "title": "Stan case study of soil carbon",
        "citation": "Carpenter B., Soil carbon modeling with RStan (2014), repository soil-metamodel/stan; data of "
        "Sierra C.A. and Müller M. (2014), SoilR vignette.",
        "doi": "",
        "path": "https://github.com/soil-metamodel/stan",
        "licence": BSD,
        "licence_note": "licence of the code of the repository that holds the values; its text is CC BY 4.0",
    },
    "sndb_necromass": {
        "title": "Soil necromass database (SNDB)",
        "citation": "Patel K., soil necromass database (2024), with the compilations it draws on: Ni et al. 2020, "
        "Wang B. et al. 2021, Zhou R. et al. 2023, Zhang et al. 2023, Hu J. et al. 2023, Liang et al. 2019, "
        "Chen G. et al. 2020.",
        "doi": "",
        "path": "https://github.com/kaizadp/necromass",
        "licence": CC_BY_NC,
        "licence_note": "",
    },
    "cruzparedes2023_europe_gradient": {
        "title": "Cruz-Paredes et al. 2023",
        "citation": "Cruz-Paredes C., Tajmel D., Rousk J. (2023) Variation in temperature dependences across Europe "
        "reveals the climate sensitivity of soil microbial decomposers. Applied and Environmental Microbiology 89(5).",
        "doi": "10.1128/aem.02090-22",
        "path": "https://github.com/IvoHarmens/Master-Thesis",
        "licence": CC0,
        "licence_note": "",
    },
    "fine_2025_amino_sugar_soils": {
        "title": "Fine et al. 2025",
        "citation": "Fine A.K., Santos F., Sloan B.P., York L.M., Mayes M.A. (2025) Trait variation and structural "
        "bias in conversion-factor models of soil microbial necromass carbon. Zenodo.",
        "doi": "10.5281/zenodo.16905679",
        "path": "https://github.com/aubreyfine/necromass-CF-models",
        "licence": CC_BY,
        "licence_note": "",
    },
    "georgiou_2022_moc": {
        "title": "Georgiou et al. 2022",
        "citation": "Georgiou K. et al. (2022) Global stocks and capacity of mineral-associated soil organic carbon. "
        "Nature Communications; data doi 10.5281/zenodo.5987415.",
        "doi": "10.1038/s41467-022-31540-9",
        "path": "https://github.com/katerina-georgiou/soilC-saturation",
        "licence": UNSTATED,
        "licence_note": "the repository asks to be cited and states no licence; the rows marked LUCAS come from the "
        "European Soil Data Centre, which has terms of its own",
    },
    "wooliver_2023_covercrop_fractions": {
        "title": "Wooliver 2023",
        "citation": "Wooliver R. (2023) Data and scripts of a meta-analysis of soil organic carbon fractions under "
        "cover cropping. Agriculture, Ecosystems and Environment (S0167880923001561).",
        "doi": "",
        "path": "https://github.com/rwoolive/carbonfraction-covercrop",
        "licence": UNSTATED,
        "licence_note": "the repository states none",
    },
    "soilmanager_crop_c_allocation": {
        "title": "SoilManageR 1.1.0",
        "citation": "Heller O., Wittwer R., SoilManageR 1.1.0, table C_input_crops_LUT, compiled from Bolinder et al. "
        "2007, Bolinder 2015, Fan 2017, Hirte 2018, Keel 2017, Seitz 2023, Taghizadeh-Toosi 2020, Wuest-Galey 2020.",
        "doi": "10.34776/as105e",
        "path": "https://github.com/cran/SoilManageR",
        "licence": MIT,
        "licence_note": "",
    },
    "whep_crop_root_coefficients": {
        "title": "whep and afsetools",
        "citation": "Aguilera E. et al., R packages whep and afsetools, coefficients of crop biomass, compiled from "
        "IPCC 2006 and 2019, Bolinder et al. 2007, Guzman et al. 2014, Kyle et al. 2011, Wolf et al. 2015 and others.",
        "doi": "",
        "path": "https://github.com/eduaguilera/whep",
        "licence": MIT,
        "licence_note": "",
    },
    "rothamsted_broadbalk_soc": _era(
        "Broadbalk soil organic carbon",
        "Rothamsted Research (2021) Broadbalk soil organic carbon content 1843-2015. Electronic Rothamsted Archive.",
        "10.23637/KeyRefOABKsoc-02",
    ),
    "rothamsted_hoosfield_soc": _era(
        "Hoosfield soil organic carbon",
        "Rothamsted Research (2012) Hoosfield soil organic carbon content. Electronic Rothamsted Archive.",
        "10.23637/KeyRefOAHBsoc",
    ),
    "rothamsted_highfield_bare_fallow": _era(
        "Highfield bare fallow",
        "Poulton P.R., Macdonald A.J., Gregory A.S., Glendining M.J., Ostler R. (2022) Highfield Bare Fallow soil "
        "chemical properties, 1959-2014. Electronic Rothamsted Archive.",
        "10.23637/rrs1-SOILCN1959-2014-01",
    ),
    "rothamsted_highfield_ley_arable": _era(
        "Highfield ley-arable",
        "Blyth F.J.E., Perryman S.A.M., Poulton P.R., Glendining M.J., Gregory A.S. (2023) Highfield ley-arable "
        "experiment soil chemical properties, 1948-2014. Electronic Rothamsted Archive.",
        "10.23637/rrn1-HLAsoc4814-01",
    ),
    "rothamsted_fosters_ley_arable": _era(
        "Fosters ley-arable",
        "Blyth F.J.E., Perryman S.A.M., Poulton P.R., Glendining M.J., Gregory A.S. (2023) Fosters Ley-arable "
        "experiment soil chemical properties 1948-2014. Electronic Rothamsted Archive.",
        "10.23637/rrn2-FLAsoc5014-01",
    ),
    "rothamsted_woburn_ley_arable": _era(
        "Woburn ley-arable",
        "Glendining M., Poulton P., Gregory A., Johnston E. (2022) Woburn Ley-arable experiment soil organic carbon, "
        "1938-2009. Electronic Rothamsted Archive.",
        "10.23637/wrn3-soc3809-01",
    ),
    "rothamsted_geescroft": _era(
        "Geescroft Wilderness",
        "Perryman S. (2015) Geescroft wilderness accumulation of organic carbon. Electronic Rothamsted Archive.",
        "10.23637/KeyRefOAGEWoc",
    ),
    "rothamsted_broadbalk_wilderness": _era(
        "Broadbalk Wilderness",
        "Perryman S. (2015) Broadbalk Wilderness accumulation of organic carbon. Electronic Rothamsted Archive.",
        "10.23637/KeyRefOABKWoc",
    ),
    "rothamsted_broadbalk_yields": _era(
        "Broadbalk yields",
        "Perryman S., Glendining M., Gregory A., Poulton P. (2023) Broadbalk mean long-term yields of winter wheat "
        "1852-2022. Electronic Rothamsted Archive.",
        "10.23637/rbk1/meanWWYields1852-2022-03",
    ),
    "rothamsted_hoosfield_yields": _era(
        "Hoosfield yields",
        "Rothamsted Research (2017) Hoosfield mean long-term spring barley yields 1852-2015. Electronic Rothamsted "
        "Archive.",
        "10.23637/KeyRefOAHByields",
    ),
    "rothamsted_rain": _era(
        "Rothamsted rain",
        "Perryman S., Scott T., Hall C. (2018) Total monthly rainfall at Rothamsted March 1853 - December 2023. "
        "Electronic Rothamsted Archive.",
        "10.23637/rmsTMRain18532023-01",
    ),
    "rothamsted_monthly_temperature": _era(
        "Rothamsted monthly temperature",
        "Perryman S., Scott T., Hall C. (2020) Mean monthly temperature at Rothamsted October 1985 - September 2017. "
        "Electronic Rothamsted Archive.",
        "10.23637/rmsmmtemp10850917",
    ),
    "rothamsted_annual_temperature": _era(
        "Rothamsted annual temperature",
        "Perryman S., Scott T., Hall C. (2023) Annual mean air temperature at Rothamsted 1878-2022. Electronic "
        "Rothamsted Archive.",
        "10.23637/rms-RMAAtemp-03",
    ),
    "sodah_experiments": {
        "title": "SOils DAta Harmonization database (SoDaH), experiments",
        "citation": "Wieder W.R., Pierson D., Earl S., Lajtha K. et al. (2021) SOils DAta Harmonization database "
        "(SoDaH). Earth System Science Data 13:1843; Environmental Data Initiative, package edi.521.1.",
        "doi": "10.5194/essd-13-1843-2021",
        "path": "https://github.com/lter/lterwg-som",
        "licence": CC0,
        "licence_note": "",
    },
    "upson_2015_agroforestry_fractions": {
        "title": "Upson et al. 2016, Clapham",
        "citation": "Upson M.A., Burgess P.J., Morison J.I.L. (2016) Geoderma; fractionation data of Clapham by "
        "M.A. Upson.",
        "doi": "",
        "path": "https://github.com/ivyleavedtoadflax/research_data",
        "licence": CC_BY,
        "licence_note": "the README says CC BY, without a version",
    },
    "millennium_tillage_trial": {
        "title": "Pagendam et al. 2024",
        "citation": "Pagendam D. et al. (2024) CQUESST: a dynamical stochastic framework for predicting soil-carbon "
        "sequestration. arXiv 2411.06073.",
        "doi": "10.48550/arXiv.2411.06073",
        "path": "https://github.com/dpagendam/CQUESST",
        "licence": BSD,
        "licence_note": "",
    },
    "tarlee_brigalow_soc": {
        "title": "Davoudabadi et al. 2024",
        "citation": "Davoudabadi M.J., Pagendam D., Drovandi C., Baldock J., White G. (2024) Scientific Reports; field "
        "data of Tarlee and Brigalow.",
        "doi": "10.1038/s41598-024-53516-z",
        "path": "https://github.com/MJDavoudabadi/Modelling-soil-carbon-Tarlee-and-Brigalow",
        "licence": UNSTATED,
        "licence_note": "the repository states none",
    },
    "bare_fallow_barre2010": {
        "title": "Barré et al. 2010",
        "citation": "Barré P. et al. (2010) Quantifying and isolating stable soil organic carbon using long-term bare "
        "fallow experiments. Biogeosciences 7:3839-3850.",
        "doi": "10.5194/bg-7-3839-2010",
        "path": "https://github.com/zhuangwearth/MIMICS_updated_adsorption",
        "licence": UNSTATED,
        "licence_note": "values read from a figure and notebooks of this repository, which states no licence",
    },
    "sidb": {
        "title": "Soil Incubation Database (SIDb)",
        "citation": "Schädel C., Beem-Miller J., Aziz Rad M., Crow S.E., Hicks Pries C.E., Ernakovich J., Hoyt A.M., "
        "Plante A., Stoner S., Treat C.C., Sierra C.A. (2020) Decomposability of soil organic matter over time: the "
        "Soil Incubation Database (SIDb, version 1.0). Earth System Science Data 12:1511-1524; each study's own doi "
        "stands in incubation_series.",
        "doi": "10.5194/essd-12-1511-2020",
        "path": "https://github.com/SoilBGC-Datashare/sidb",
        "licence": MIT,
        "licence_note": "",
    },
    "intcal20": _soilr(
        "IntCal20",
        "Reimer P.J. et al. (2020) The IntCal20 Northern Hemisphere radiocarbon age calibration curve (0-55 cal kBP). "
        "Radiocarbon 62:725-757.",
        "10.1017/RDC.2020.41",
    ),
    "hua2021": _soilr(
        "Hua et al. 2022",
        "Hua Q. et al. (2022) Atmospheric radiocarbon for the period 1950-2019. Radiocarbon 64:723-745.",
        "10.1017/RDC.2021.95",
    ),
    "graven2017": _soilr(
        "Graven et al. 2017",
        "Graven H. et al. (2017) Compiled records of carbon isotopes in atmospheric CO2 for historical simulations in "
        "CMIP6. Geoscientific Model Development 10:4405-4417.",
        "10.5194/gmd-10-4405-2017",
    ),
    "he2016_soil_radiocarbon_profiles": {
        "title": "He et al. 2016",
        "citation": "He Y., Trumbore S.E., Torn M.S., Harden J.W., Vaughn L.J.S., Allison S.D., Randerson J.T. (2016) "
        "Radiocarbon constraints imply reduced carbon uptake by soils during the 21st century. Science 353:1419-1424; "
        "each study's own doi stands in soil_radiocarbon.",
        "doi": "10.1126/science.aad4273",
        "path": "https://github.com/powellcenter-soilcarbon/soilcarbon",
        "licence": GPL2,
        "licence_note": "licence of the R package that holds the compilation; it states none for the data",
    },
    "gaudinski2001_howland_profile": {
        "title": "Howland Forest",
        "citation": "Gaudinski J.B. (2001) Belowground carbon cycling in three temperate forests of the eastern United "
        "States. PhD thesis, University of California, Irvine; entry of the International Soil Radiocarbon Database "
        "(ISRaD).",
        "doi": "",
        "path": "https://github.com/cran/ISRaD",
        "licence": GPL2,
        "licence_note": "licence of the R package that holds the entry",
    },
    "terrer2021_elevated_co2_soc": {
        "title": "Terrer et al. 2021",
        "citation": "Terrer C. et al. (2021) A trade-off between plant and soil carbon storage under elevated CO2. "
        "Nature 591:599-603.",
        "doi": "10.1038/s41586-021-03306-8",
        "path": "https://github.com/cesarterrer/SoilC_CO2",
        "licence": UNSTATED,
        "licence_note": "the repository states none",
    },
}
"""What the tables are made from, by folder of the literature collection or, where a
folder holds several published data sets, by data set."""


@dataclass
class Curated:
    """A finished table and what must be said about it.

    Parameters
    ----------
    name
        Name of the table and of its schema.
    title, description
        For the metadata.
    frame
        The rows kept, in canonical names and units.
    raw_rows
        Rows read from the sources, before any exclusion.
    exclusions
        ``{"reason", "rows"}`` per rule; with the rows kept they add up to
        ``raw_rows``.
    sources
        Keys of :data:`SOURCES`.
    choices
        Judgements a reader should know about, one sentence each.
    """

    name: str
    title: str
    description: str
    frame: pd.DataFrame
    raw_rows: int
    exclusions: list[dict]
    sources: list[str]
    choices: list[str] = field(default_factory=list)


class Exclusions(list):
    """List of ``{"reason", "rows"}`` that drops the rows it records."""

    def drop(self, frame: pd.DataFrame, mask: pd.Series, reason: str) -> pd.DataFrame:
        """Rows of ``frame`` where ``mask`` is false; the rest is recorded under ``reason``."""
        mask = mask.fillna(False).astype(bool)
        self.append({"reason": reason, "rows": int(mask.sum())})
        return frame.loc[~mask]


def tidy_text(values: pd.Series) -> pd.Series:
    """Text on one line without stray blanks; empty cells missing."""
    text = values.astype("str").str.replace(r"\s+", " ", regex=True).str.strip()
    return text.where(values.notna() & (text != ""))


def arrange(frame: pd.DataFrame, schema: str) -> pd.DataFrame:
    """Columns in the order of the schema; unknown ones refused, empty optional ones dropped."""
    columns = SCHEMAS[schema].columns
    unknown = [name for name in frame.columns if name not in columns]
    if unknown:
        raise ValueError(f"{schema}: columns not in the schema: {unknown}")
    kept = [
        name for name in columns if name in frame and (name in SCHEMAS[schema].required or frame[name].notna().any())
    ]
    return frame[kept].reset_index(drop=True)


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Write the table as UTF-8 CSV, numbers with six significant digits, decimal years with nine."""
    out = frame.copy()
    for name in out.columns:
        if QUANTITIES[name].kind == "number":
            digits = 9 if name in DECIMAL_YEARS else 6
            numbers = out[name].astype("float64")
            out[name] = numbers.map(lambda x, n=digits: "" if pd.isna(x) else f"{x:.{n}g}").astype("str")
    return out.to_csv(index=False, lineterminator="\n").encode("utf-8")


def field_entry(name: str, required: bool) -> dict:
    """Frictionless field of one quantity."""
    quantity = QUANTITIES[name]
    constraints: dict = {"required": True} if required else {}
    if quantity.lower is not None:
        constraints["minimum"] = quantity.lower
    if quantity.upper is not None:
        constraints["maximum"] = quantity.upper
    if quantity.categories:
        constraints["enum"] = list(quantity.categories)
    if quantity.kind == "date":
        constraints["pattern"] = r"\d{4}(-\d{2}(-\d{2})?)?"
    entry = {
        "name": name,
        "type": "number" if quantity.kind == "number" else "string",
        "unit": quantity.unit,
        "description": quantity.meaning,
    }
    if constraints:
        entry["constraints"] = constraints
    return entry


def resource_entry(table: Curated, content: bytes) -> dict:
    """Frictionless resource of one table."""
    schema = SCHEMAS[table.name]
    sources = [SOURCES[key] for key in table.sources]
    licences = []
    for source in sources:
        if source["licence"] not in licences:
            licences.append(source["licence"])
    uses = {COMMERCIAL_USE[licence["name"]] for licence in licences}
    # The strictest source decides for the table as a whole.
    commercial_use = next(use for use in ("not allowed", "unstated", "allowed") if use in uses)
    table_schema: dict = {
        "fields": [field_entry(name, name in schema.required) for name in table.frame.columns],
        "missingValues": [""],
    }
    if schema.key:
        table_schema["primaryKey"] = list(schema.key)
    return {
        "name": table.name,
        "title": table.title,
        "description": table.description,
        "path": f"{table.name}.csv",
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": "sha256:" + hashlib.sha256(content).hexdigest(),
        "dialect": {"lineTerminator": "\n"},
        "schema": table_schema,
        "licenses": licences,
        "sources": [
            {
                "title": source["title"],
                "path": source["path"],
                "citation": source["citation"],
                "doi": source["doi"],
                "licence": source["licence"]["name"],
                "licence_note": source["licence_note"],
            }
            for source in sources
        ],
        "rows": len(table.frame),
        "raw_rows": table.raw_rows,
        "exclusions": table.exclusions,
        "choices": table.choices,
        "commercial_use": commercial_use,
        "citation": " ".join(
            source["citation"] + (f" doi:{source['doi']}" if source["doi"] else "") for source in sources
        ),
    }


def package_entry(resources: list[dict]) -> dict:
    """Assemble the data package, resources in the order of the schemas."""
    order = list(SCHEMAS)
    return {
        "profile": "tabular-data-package",
        "name": "socbayes-literature",
        "title": "Literature tables bundled with socbayes",
        "description": "Carbon use efficiency, priming, microbial necromass, soil carbon fractions, field plots "
        "through time, incubations, elevated CO2 and radiocarbon, harmonised to one set of names and units. Licences "
        "differ from table to table.",
        "resources": sorted(resources, key=lambda entry: order.index(entry["name"])),
    }


def write(tables: list[Curated], output: Path) -> None:
    """Write each table and its entry in the metadata; other entries stay."""
    output.mkdir(parents=True, exist_ok=True)
    package = output / "datapackage.json"
    known = json.loads(package.read_text("utf-8"))["resources"] if package.exists() else []
    entries = {entry["name"]: entry for entry in known if entry["name"] in SCHEMAS}
    for table in tables:
        excluded = sum(item["rows"] for item in table.exclusions)
        if len(table.frame) + excluded != table.raw_rows:
            raise ValueError(f"{table.name}: {len(table.frame)} kept + {excluded} excluded != {table.raw_rows} read")
        table.frame = arrange(table.frame, table.name)
        content = csv_bytes(table.frame)
        (output / f"{table.name}.csv").write_bytes(content)
        entries[table.name] = resource_entry(table, content)
        print(f"{table.name}: {table.raw_rows} rows read, {len(table.frame)} kept")
        for item in table.exclusions:
            print(f"  - {item['rows']:5d}  {item['reason']}")
    described = package_entry(list(entries.values()))
    package.write_bytes((json.dumps(described, indent=2, ensure_ascii=False) + "\n").encode("utf-8"))
    (output / "LICENSES.md").write_bytes(licences_text(described["resources"]).encode("utf-8"))


LICENCE_HEADER = """# Licences of the bundled tables

The licence of socbayes covers its code. Each table below is a compilation of
facts from the sources named under it and keeps their terms; cite the sources
when you use it. This file is written by `data/curation/build_all.py`, and the
same information is in `datapackage.json` and in `load_dataset(name).attrs`.

"Commercial use" is what the strictest source of a table says: **allowed**,
**not allowed**, or **unstated** where a source publishes data without a
licence. Unstated is not permission: ask the authors before a use that needs
one.

**The two necromass tables come from a database under CC BY-NC 4.0: they may not
be used commercially.** What `literature_moments.json`, `literature_prior.json`
and `posteriors/mcp_process-1.nc` say of pump efficacy was learned from these
tables, `cue` and the priming tables: treat them as bound by the same terms.
`posteriors/cue_process-1.nc` was learned from `cue`, `posteriors/priming_process-1.nc`
from the priming tables.

`root_inputs.json` was learned from `crop_allocation_ratios` and from two sources
that are not bundled: roots over shoot of the Global Root Traits data base (Guerrero-Ramirez N. et al. 2020, Global
Ecology and Biogeography, doi:10.1111/geb.13179), public, to be cited, without a licence; and a table of crops labelled
with carbon 14 (Sun Z. et al. 2018, Scientific Reports 8:3160, doi:10.1038/s41598-018-21547-y), whose copy shows none.
It holds means and standard deviations of a fit, none of their numbers.

`biochar_persistence.json` was learned from series under CC BY-SA 4.0 that are not
bundled (Azzi E.S. et al. 2024, Geoderma 441:116761, doi:10.1016/j.geoderma.2023.116761):
cite them, and share what you make of it alike.

`atmospheric_radiocarbon` and `soil_radiocarbon` hold numbers read from R packages under the GNU General Public
License, with other names, units and rows. Who hands these two tables on, or a changed one, does so under that licence.
"""


def licences_text(resources: list[dict], folder: Path = DATA) -> str:
    """Licence of every table and source, and what the posterior summaries in a folder rest on, as Markdown."""
    lines = [LICENCE_HEADER, "| table | licences of its sources | commercial use |", "| --- | --- | --- |"]
    for entry in resources:
        names = ", ".join(licence["name"] for licence in entry["licenses"])
        lines.append(f"| `{entry['name']}` | {names} | {entry['commercial_use']} |")
    for entry in resources:
        lines += ["", f"## {entry['name']}", ""]
        for source in entry["sources"]:
            note = f" ({source['licence_note']})" if source["licence_note"] else ""
            doi = f" doi:{source['doi']}." if source["doi"] else ""
            lines.append(f"- {source['citation']}{doi} <{source['path']}>. Licence: {source['licence']}{note}.")
    return "\n".join(lines + carried_text(folder, resources)) + "\n"


def arguments() -> argparse.Namespace:
    """Command line of every script."""
    parser = argparse.ArgumentParser(description="Write bundled literature tables from the raw files.")
    parser.add_argument(
        "--literature",
        type=Path,
        default=os.environ.get("SOCBAYES_LITERATURE"),
        help="folder of the raw files, one subfolder per source (default: the variable SOCBAYES_LITERATURE)",
    )
    parser.add_argument("--output", type=Path, default=DATA, help="where the tables go (default: this repository)")
    given = parser.parse_args()
    if given.literature is None:
        parser.error("say where the raw files are: --literature FOLDER or the variable SOCBAYES_LITERATURE")
    given.literature = Path(given.literature)
    return given


def main(curate: Callable[[Path], Curated]) -> None:
    """Run one script: curate its table and write it."""
    given = arguments()
    write([curate(given.literature)], given.output)
