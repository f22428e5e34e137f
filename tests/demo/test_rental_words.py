import pytest

from latentscape.demo.rental_words import PRICES, hurry, say_price, shorten_district, strip_accents


@pytest.mark.parametrize("price", PRICES)
def test_the_four_spellings_of_a_price_differ_only_in_form(price):
    whole, rest = divmod(price, 10)
    for style in range(4):
        digits = "".join(letter for letter in say_price(price, style) if letter.isdigit())
        assert digits in {f"{whole}{rest}", f"{whole}" if rest == 0 else "", f"{price}00"}


def test_strip_accents_leaves_nothing_but_plain_letters():
    assert strip_accents("Đường Nguyễn Huệ, ở ghép, giường") == "Duong Nguyen Hue, o ghep, giuong"


def test_unknown_phrases_and_names_stay():
    assert hurry("tầng 3") == "tầng 3"
    assert shorten_district("Cầu Giấy") == "Cầu Giấy"
