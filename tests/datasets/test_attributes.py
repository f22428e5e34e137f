import math
from pathlib import Path

import numpy as np
import pytest

from latentscape.datasets.attribute_patterns import (
    AttributeReader,
    AttributeRule,
    NumberPattern,
    compile_pattern,
    in_natural_order,
    plain_spelling,
)
from latentscape.datasets.attributes import attributes_from_columns, extract_attributes, find_attributes
from latentscape.errors import UsageError
from latentscape.settings import load_config
from latentscape.settings.attributes import AttributesConfig

RENTAL = {
    rule.name: AttributeReader(rule)
    for rule in load_config(Path(__file__).parents[2] / "configs" / "rental.yml", AttributesConfig).rules()
}


def read(name, text):
    return RENTAL[name].read(text)


def extract(*rules, queries=(), documents=(), query_columns=None, document_columns=None):
    return extract_attributes(
        rules,
        queries=queries,
        documents=documents,
        query_columns=query_columns or {},
        document_columns=document_columns or {},
    )


CITY = AttributeRule(name="city", kind="category", column="city", values={"Huế": ("Huế",), "Hà Nội": ("hn", "Hà Nội")})
PRICE = AttributeRule(
    name="price", kind="number", column="cost", unit="tr", numbers=(NumberPattern(match=r"([0-9]{1,3})tr([0-9])?"),)
)
LIFT = AttributeRule(
    name="lift", kind="flag", column="lift", types=("amenity",), values={"yes": ("lift",)}, negations=("no", "not a")
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("phòng q10 wc riêng", "Quận 10"),
        ("Phòng trọ 25m² Quận 10, giá 5tr", "Quận 10"),
        ("Phòng trọ Q.10", "Quận 10"),
        ("phong tro quan 10 4tr", "Quận 10"),
        ("QUẬN 01", "Quận 1"),
        ("Quận 1", "Quận 1"),
        ("Quận 11", "Quận 11"),
        ("Q 7, 30m2", "Quận 7"),
        ("phòng Q7, 6tr5", "Quận 7"),
        ("phong tro cau giay 4tr", "Cầu Giấy"),
        ("Phòng trọ quận Ba Đình", "Ba Đình"),
        ("tro nam tu liem 3.2tr", "Nam Từ Liêm"),
        ("Phòng Ngũ Hành Sơn", "Ngũ Hành Sơn"),
        ("Phòng trọ 22m² Long Biên, gần Aeon Mall Long Biên", "Long Biên"),
        ("Phòng Ba Đình, gần chợ Long Biên", "Ba Đình"),
        ("Phòng Quận 10 hoặc Quận 3", None),
        ("Phòng Quận 13, 5tr", None),
        ("Bình Thạnhh", None),
        ("căn hộ đẹp", None),
        ("", None),
    ],
)
def test_districts(text, value):
    assert read("district", text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5tr5", 5.5),
        ("giá 5.5 triệu", 5.5),
        ("5,5tr/tháng", 5.5),
        ("4tr2, wc", 4.2),
        ("giá 3tr gần chợ", 3.0),
        ("4tr25", 4.25),
        ("5tr 25m2", 5.0),
        ("5 triệu 25 m2", 5.0),
        ("4 triệu 5, wc riêng", 4.5),
        ("4 TRIỆU", 4.0),
        ("gia 900k", 0.9),
        ("5500k", 5.5),
        ("5 triệu rưỡi", 5.5),
        ("5.500.000đ/tháng", 5.5),
        ("900.000 đồng", 0.9),
        ("giá khoảng 3.5tr", 3.5),
        ("12tr", 12.0),
        ("giá 5tr, cọc 10tr", 5.0),
        ("giá 5tr, điện 3.5k, gửi xe 100k", 5.0),
        ("giá 5tr, tức 5 triệu", 5.0),
        ("free để xe 3tr", 3.0),
        ("dưới 4tr", None),
        ("giá dưới 3 triệu", None),
        ("tối đa 5 triệu", None),
        ("không quá 3tr5", None),
        ("3-4tr", None),
        ("3tr - 4tr", None),
        ("từ 3 đến 4 triệu", None),
        ("3tr5 đến 4tr", None),
        ("4tr đổ lại", None),
        ("5tr hoặc 6tr", None),
        ("tầng 5, trường học", None),
        ("25m2 quận 5", None),
    ],
)
def test_prices(text, value):
    assert read("price", text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25m2", 25.0),
        ("25m²,", 25.0),
        ("25 m2", 25.0),
        ("30.5m²", 30.5),
        ("25 mét vuông", 25.0),
        ("25 met vuong", 25.0),
        ("diện tích 25m", 25.0),
        ("phòng 30m², gác 10m²", 30.0),
        ("20-25m2", None),
        ("trên 20m2", None),
        ("cách chợ 500m", None),
    ],
)
def test_areas(text, value):
    assert read("area", text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("private bathroom", "wc riêng", "yes"),
        ("private bathroom", "WC khép kín", "yes"),
        ("private bathroom", "wc chung", "no"),
        ("private bathroom", "wc rieng", "yes"),
        ("private bathroom", "không wc riêng", "no"),
        ("private bathroom", "có máy giặt chung", None),
        ("air conditioner", "có điều hòa", "yes"),
        ("air conditioner", "co dieu hoa", "yes"),
        ("air conditioner", "điều hoà", "yes"),
        ("air conditioner", "không máy lạnh", "no"),
        ("air conditioner", "không có máy lạnh", "no"),
        ("air conditioner", "khong may lanh", "no"),
        ("air conditioner", "không cần máy lạnh", None),
        ("air conditioner", "có gác không, máy lạnh", "yes"),
        ("air conditioner", "có máy lạnh không ạ?", "yes"),
        ("balcony", "không ban công", "no"),
        ("balcony", "ban cong", "yes"),
        ("loft", "không gác lửng", "no"),
        ("loft", "gác", "yes"),
        ("kitchen", "bếp chung", "yes"),
        ("private kitchen", "bếp chung", "no"),
        ("fridge", "thiếu tủ lạnh", "no"),
        ("washing machine", "máy giặt", "yes"),
        ("shares with owner", "không chung chủ", "no"),
        ("shares with owner", "chung chủ", "yes"),
        ("pets", "không cho phép nuôi pet", "no"),
        ("pets", "được nuôi pet", "yes"),
        ("tenants", "chỉ nữ ở ghép", "women"),
        ("tenants", "nam/nữ ở chung được", "anyone"),
        ("furniture", "đầy đủ nội thất (giường, tủ)", "furnished"),
        ("furniture", "đầy đủ nội thất cơ bản", "basic"),
        ("furniture", "không đầy đủ nội thất", "unfurnished"),
        ("floor", "tầng 5 có thang máy", "Tầng 5"),
        ("floor", "tầng trệt", "Tầng trệt"),
        ("floor", "nhà 3 tầng", None),
    ],
)
def test_amenities_and_conditions(name, text, value):
    assert read(name, text) == value


def test_what_is_said_is_found_with_and_without_accents():
    text = "Phòng trọ 22m² Đống Đa, không ban công, wc khép kín, giá 4tr5, chỉ nữ, không chung chủ"
    stripped = plain_spelling(text).replace("m2", "m²")
    for name, reader in RENTAL.items():
        assert reader.read(text) == reader.read(stripped), name


def test_columns_win_over_text():
    city, price, lift = extract(
        CITY,
        PRICE,
        LIFT,
        queries=["in hn for 5tr5 no lift", "Huế 3tr", "nothing"],
        query_columns={"city": ["HUE", None, "Sài Gòn"], "cost": [7, None, "6,5"], "lift": [True, None, "không"]},
        documents=["Hà Nội, not a lift, 4tr"],
    )
    assert city.values == ("Hà Nội", "Huế", "Sài Gòn")
    assert [city.values[int(place)] for place in city.queries] == ["Huế", "Huế", "Sài Gòn"]
    assert price.queries.tolist() == [7.0, 3.0, 6.5]
    assert (price.unit, price.source) == ("tr", "column")
    assert lift.values == ("no", "yes")
    assert [lift.queries[0], lift.queries[2], lift.documents[0]] == [1.0, 0.0, 0.0]
    assert math.isnan(lift.queries[1])
    assert lift.types == ("amenity",)


def test_coverage():
    (city,) = extract(CITY, queries=["hn", "x", "y"], documents=[])
    assert (city.query_coverage, city.document_coverage) == (pytest.approx(1 / 3), 0.0)
    assert city.source == "text"
    assert city.values == ("Hà Nội",)


def test_only_the_first_two_thousand_characters_are_read():
    (city,) = extract(CITY, queries=["x " * 1500 + "hn", "hn " + "x " * 1500])
    assert np.isnan(city.queries).tolist() == [True, False]


def test_values_inside_longer_ones_do_not_count():
    rule = AttributeRule(name="d", kind="category", values={"Liem": ("tu liem",), "Nam Liem": ("nam tu liem",)})
    assert AttributeReader(rule).read("nam tu liem") == "Nam Liem"
    assert AttributeReader(rule).read("nam tu liem, tu liem") is None


def test_words_are_whole_words_and_may_be_hyphenated():
    pattern = compile_pattern("Ban công (to)")
    assert pattern.search("ban-cong (to)")
    assert not compile_pattern("gac").search("gacha")


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("/(a+)+b/", "too long"),
        ("/(a|a){1,30}b/", "too long"),
        ("/.*.*x/", "too long"),
        ("/(x/", "no regular expression"),
        ("/a*/", "nothing at all"),
        ("/(?=a)/", "nothing at all"),
        (f"/{'a' * 1001}/", "1,001 characters"),
        ("\u0301", "without letters"),
    ],
)
def test_patterns_that_are_refused(pattern, reason):
    rule = AttributeRule(name="odd", kind="category", values={"x": (pattern,)})
    with pytest.raises(UsageError, match="attribute `odd`") as caught:
        AttributeReader(rule)
    assert reason in str(caught.value)


def test_what_is_allowed_stays_quick():
    """As bad a pattern as is let through, on a text made against it."""
    pattern = compile_pattern(r"/a{0,30}a{0,30}a{0,30}b/")
    assert not pattern.search("a" * 2000)


def test_numbers_in_words_sort_by_size():
    assert sorted(["Quận 10", "Quận 2", "Ba Đình", "Đống Đa"], key=in_natural_order) == [
        "Ba Đình",
        "Đống Đa",
        "Quận 2",
        "Quận 10",
    ]


def columns(queries=None, documents=None, *, n=4, **more):
    return attributes_from_columns(queries or {}, documents or {}, n_queries=n, n_documents=n, **more)


def test_columns_without_a_rule():
    found = {
        attribute.name: attribute
        for attribute in columns(
            {
                "price": [5.5, "6", None, 7],
                "district": ["Quận 10", "quận  10", "Quận 2", ""],
                "new": [True, False, None, True],
                "same": ["a", "a", "a", None],
                "one": [1, 1, 1, 1],
                "nested": [[1], "a", "b", None],
                "mixed": [1, "a", None, None],
            },
            {"price": [1, 2, float("nan"), None], "only": ["x", "y", None, None]},
        )
    }
    assert sorted(found) == ["district", "mixed", "new", "only", "price"]
    price = found["price"]
    assert (price.kind, price.source) == ("number", "column")
    assert price.queries.tolist()[:2] == [5.5, 6.0]
    assert np.isnan(price.queries[2])
    assert price.documents.tolist()[:2] == [1.0, 2.0]
    district = found["district"]
    assert district.values == ("Quận 2", "Quận 10")
    assert district.queries.tolist()[:3] == [1.0, 1.0, 0.0]
    assert np.isnan(district.queries[3])
    assert np.isnan(district.documents).all()
    assert found["new"].values == ("no", "yes")
    assert found["mixed"].values == ("1", "a")
    assert len(found["only"].queries) == 4


def test_columns_that_name_things_are_passed_over():
    many = [f"id {number}" for number in range(51)]
    assert columns({"id": many}, n=51) == ()
    assert len(columns({"id": [*many[:50], None]}, n=51)) == 1
    assert columns({"text": ["x" * 81, "y"]}, n=2) == ()
    assert columns({"price": [1, 2]}, n=2, skip=["price"]) == ()
    assert columns({"empty": [None, None]}, n=2) == ()
    assert columns({"too big": [10**400, 1, 2, 3]}, n=4) == columns({"too big": [10**5000, 1, 2, 3]}, n=4) == ()


def test_rules_come_first_and_take_their_columns():
    found = find_attributes(
        [CITY, LIFT],
        queries=["hn", "a lift"],
        documents=["Huế"],
        query_columns={"city": ["Huế", None], "lift": ["no", "yes"], "rent": [1, 2]},
        document_columns={"rent": [3]},
    )
    assert [attribute.name for attribute in found] == ["city", "lift", "rent"]
    assert found[2].documents.tolist() == [3.0]
