"""The vocabulary of our made-up rooms: places, prices, comforts, and how people write them in a hurry.

Everything is our own wording; only the names of cities and districts are real.
"""

from unicodedata import normalize

DISTRICTS: dict[str, tuple[str, ...]] = {
    "TP.HCM": (
        "Quận 1",
        "Quận 3",
        "Quận 5",
        "Quận 7",
        "Quận 10",
        "Quận 12",
        "Bình Thạnh",
        "Gò Vấp",
        "Tân Phú",
        "Phú Nhuận",
        "Thủ Đức",
    ),
    "Hà Nội": ("Cầu Giấy", "Đống Đa", "Thanh Xuân", "Hoàng Mai", "Hà Đông", "Nam Từ Liêm", "Long Biên"),
    "Đà Nẵng": ("Hải Châu", "Thanh Khê", "Sơn Trà", "Ngũ Hành Sơn"),
    "Cần Thơ": ("Ninh Kiều", "Cái Răng"),
}
"""City -> districts. A wrong location is another district of the same city."""

KINDS = ("phòng trọ", "căn hộ mini", "studio", "phòng trong chung cư", "ký túc xá")
AREAS = (12, 15, 18, 20, 22, 25, 28, 30, 35, 40)
"""Square meters."""
PRICES = (18, 20, 25, 28, 30, 35, 38, 40, 45, 50, 55, 60, 65, 70, 80)
"""Hundred thousands of đồng a month."""
FLOORS = ("tầng trệt", "tầng 2", "tầng 3", "tầng 4", "tầng 5 có thang máy", "tầng thượng")
AMENITIES = (
    ("wc riêng", "wc chung"),
    ("máy lạnh", "không máy lạnh"),
    ("ban công", "không ban công"),
    ("gác lửng", "không gác"),
    ("cửa sổ thoáng", "không cửa sổ"),
    ("bếp riêng", "bếp chung"),
)
"""Having it, and not having it."""
FURNITURE = ("full nội thất", "có giường và tủ", "có tủ lạnh và máy giặt", "phòng trống chưa nội thất", "có bàn học")
OTHERS = (
    "giờ giấc tự do",
    "chung chủ",
    "cho nuôi thú cưng",
    "chỉ nhận nữ",
    "để xe miễn phí",
    "gần trường đại học",
    "gần chợ",
    "an ninh có camera",
)
OPENINGS = ("Cho thuê", "Còn trống", "Cần cho thuê", "Chính chủ cho thuê")
REQUESTS = ("Tìm", "Cần thuê", "Mình muốn tìm", "Ai có", "Có")

_HURRIED = {
    "phòng trọ": "phòng",
    "căn hộ mini": "chung cư mini",
    "wc riêng": "vệ sinh riêng",
    "máy lạnh": "điều hòa",
    "full nội thất": "đủ đồ",
    "cho nuôi thú cưng": "nuôi pet được",
    "giờ giấc tự do": "giờ tự do",
    "chỉ nhận nữ": "nữ ở",
    "để xe miễn phí": "free để xe",
}
"""The same thing in other words."""


def say_price(price: int, style: int) -> str:
    """Hundred thousands of đồng in one of four usual spellings.

    >>> [say_price(55, style) for style in range(4)], say_price(40, 1)
    (['5.5 triệu', '5tr5', '5,5tr', '5500k'], '4tr')
    """
    whole, rest = divmod(price, 10)
    short = f"{whole}tr{rest}" if rest else f"{whole}tr"
    decimal = f"{whole},{rest}tr" if rest else f"{whole}tr"
    return (f"{whole}.{rest} triệu" if rest else f"{whole} triệu", short, decimal, f"{price}00k")[style]


def shorten_district(district: str) -> str:
    """`Quận 10` as people type it; other names stay.

    >>> shorten_district("Quận 10"), shorten_district("Gò Vấp")
    ('q10', 'Gò Vấp')
    """
    return district.replace("Quận ", "q")


def hurry(phrase: str) -> str:
    """Another wording of a phrase, where there is one."""
    return _HURRIED.get(phrase, phrase)


def strip_accents(text: str) -> str:
    """Vietnamese as typed without its accents.

    >>> strip_accents("Phòng trọ Đống Đa 25m²")
    'Phong tro Dong Da 25m²'
    """
    plain = "".join(letter for letter in normalize("NFD", text) if not 0x300 <= ord(letter) <= 0x36F)
    return normalize("NFC", plain.replace("đ", "d").replace("Đ", "D"))
