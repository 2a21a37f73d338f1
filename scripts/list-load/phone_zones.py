"""
Writes src/domain/list-load/area-codes.ts and phone-prefixes.ts: which time zones the first digits of a phone number allow.

Source: the data of Google's libphonenumber (Apache License 2.0), as the package `phonenumbers` of PyPI ships it.
Run it after raising the version here, then run the tests, which compare the result with our own table of states:

    pip install phonenumbers==9.0.43 && python3 scripts/list-load/phone_zones.py && npm run format
"""
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers.geodata import GEOCODE_DATA
from phonenumbers.tzdata import TIMEZONE_DATA

VERSION = "9.0.43"
TARGET = Path(__file__).parents[2] / "src/domain/list-load"

# What libphonenumber calls the area of a whole area code, if it is not "City, XX".
NAMES = {
    "Alabama": "US-AL", "Alaska": "US-AK", "Arizona": "US-AZ", "Arkansas": "US-AR", "California": "US-CA",
    "Colorado": "US-CO", "Connecticut": "US-CT", "Delaware": "US-DE", "Florida": "US-FL", "Georgia": "US-GA",
    "Hawaii": "US-HI", "Idaho": "US-ID", "Illinois": "US-IL", "Indiana": "US-IN", "Iowa": "US-IA",
    "Kansas": "US-KS", "Kentucky": "US-KY", "Louisiana": "US-LA", "Maine": "US-ME", "Maryland": "US-MD",
    "Massachusetts": "US-MA", "Michigan": "US-MI", "Minnesota": "US-MN", "Mississippi": "US-MS",
    "Missouri": "US-MO", "Montana": "US-MT", "Nebraska": "US-NE", "Nevada": "US-NV", "New Hampshire": "US-NH",
    "New Jersey": "US-NJ", "New Mexico": "US-NM", "New York": "US-NY", "North Carolina": "US-NC",
    "North Dakota": "US-ND", "Ohio": "US-OH", "Oklahoma": "US-OK", "Oregon": "US-OR", "Pennsylvania": "US-PA",
    "Rhode Island": "US-RI", "South Carolina": "US-SC", "South Dakota": "US-SD", "Tennessee": "US-TN",
    "Texas": "US-TX", "Utah": "US-UT", "Vermont": "US-VT", "Virginia": "US-VA", "Washington D.C.": "US-DC",
    "Washington State": "US-WA", "West Virginia": "US-WV", "Wisconsin": "US-WI", "Wyoming": "US-WY",
    "Alberta": "CA-AB", "British Columbia": "CA-BC", "British Colombia": "CA-BC", "Manitoba": "CA-MB",
    "New Brunswick": "CA-NB", "Newfoundland and Labrador": "CA-NL", "Nova Scotia/Prince Edward Island": "CA-NS CA-PE",
    "Northwest Territories/Nunavut/Yukon": "CA-NT CA-NU CA-YT", "Ontario": "CA-ON", "Quebec": "CA-QC",
    "Saskatchewan": "CA-SK",
}
PROVINCES = {region[3:] for names in NAMES.values() for region in names.split() if region.startswith("CA-")}
# Area codes that the data names by their cities only.
UNNAMED = {"1203": "US-CT", "1310": "US-CA", "1713": "US-TX", "1718": "US-NY", "1905": "CA-ON"}
# These belong to the United States, whose rules apply there too.
TERRITORIES = {"AS", "GU", "MP", "PR", "VI"}
# Newer area codes that cover the same area as an older one. They get the zones of the older one, because the data has only one
# zone of theirs, in one case (689, Orlando) a wrong one. Source: the maps of the North American Numbering Plan Administrator.
OVERLAYS = {
    "236": "250", "257": "250", "367": "418", "364": "270", "448": "850", "458": "541", "531": "402",
    "581": "418", "672": "250", "778": "250", "879": "709", "930": "812", "689": "407", "986": "208",
}


def zones_of(prefix):
    """All zones of the prefix and of everything below it: numbers move within an area code."""
    return {zone for each, zones in TIMEZONE_DATA.items() if each.startswith(prefix) for zone in zones}


def region_of(area_code):
    """ISO 3166: state or province, else country; several are separated by blanks."""
    name = GEOCODE_DATA.get(area_code, {}).get("en") or UNNAMED.get(area_code)
    if name is None:
        return country_of(area_code[1:])
    if name in NAMES:
        return NAMES[name]
    if name.startswith(("US-", "CA-")):
        return name
    state = name.rpartition(", ")[2]
    assert len(state) == 2, name
    return f"{'CA' if state in PROVINCES else 'US'}-{state}"


def country_of(digits):
    for country in COUNTRY_CODE_TO_REGION_CODE[1]:
        leading = PhoneMetadata.metadata_for_region(country).leading_digits
        if leading and any(digits.startswith(each) for each in spelled_out(leading)):
            return f"US-{country}" if country in TERRITORIES else country
    raise ValueError(digits)


def spelled_out(leading):
    return ["809", "829", "849"] if leading.startswith("8001") else leading.split("|")


def area_codes():
    groups = defaultdict(list)
    for code in sorted({prefix[1:4] for prefix in TIMEZONE_DATA if prefix[0] == "1" and len(prefix) >= 4}):
        zones = zones_of(f"1{OVERLAYS.get(code, code)}")
        groups[region_of(f"1{code}"), ",".join(sorted(zones))].append(code)
    return sorted(f"{zones} {regions.replace(' ', ',')} {' '.join(codes)}" for (regions, zones), codes in groups.items())


def prefixes():
    groups = defaultdict(list)
    for prefix, zones in TIMEZONE_DATA.items():
        parents = [TIMEZONE_DATA.get(prefix[:length]) for length in range(len(prefix) - 1, 0, -1)]
        inherited = next((each for each in parents if each), None)
        if prefix[0] != "1" and zones != inherited and zones != ("Etc/Unknown",):
            groups[",".join(sorted(zones))].append(prefix)
    groups[",".join(sorted(zones_of("1")))].append("1")
    return sorted(f"{zones} {' '.join(sorted(each))}" for zones, each in groups.items())


def write(name, constant, what, lines):
    text = f"""/**
 * Written by scripts/list-load/phone_zones.py from the data of libphonenumber {VERSION} (Apache License 2.0). Do not edit.
 * {what}
 */
export const {constant} = `
""" + "\n".join(lines) + "\n`;\n"
    (TARGET / name).write_text(text)


assert version("phonenumbers") == VERSION
write("area-codes.ts", "AREA_CODES", "Area codes of country code 1. A line: time zones, regions, area codes.", area_codes())
write("phone-prefixes.ts", "PHONE_PREFIXES", "All country codes. A line: time zones, first digits. The longest match counts.", prefixes())
