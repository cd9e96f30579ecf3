import pytest

from app.explore.settings import Settings
from app.explore.views import pca
from app.server.session import LARGEST_SELECTION, LARGEST_TRAY, Tray
from core import RequestError


def filled(count: int) -> Tray:
    tray = Tray("visitor")
    for index in range(count):
        tray = tray.add(f"picture {index}", f"digest {index}")
    return tray


def test_the_first_eight_are_selected_and_the_ninth_is_refused():
    tray = filled(LARGEST_SELECTION + 1)
    assert [picture.name for picture in tray.chosen] == [f"picture {index}" for index in range(LARGEST_SELECTION)]
    with pytest.raises(RequestError, match="unselect one"):
        tray.select("p8", True)
    tray = tray.select("p0", False).select("p8", True)
    assert tray.chosen[-1].id == "p8" and len(tray.chosen) == LARGEST_SELECTION


def test_ids_are_never_used_twice():
    tray = filled(3).remove("p2").add("again", "digest 2")
    assert [picture.id for picture in tray.pictures] == ["p0", "p1", "p3"]


def test_the_same_file_is_added_once():
    tray = filled(2).select("p0", False).add("copy", "digest 0")
    assert len(tray.pictures) == 2 and "p0" in tray.selected


def test_a_full_tray_says_so():
    with pytest.raises(RequestError, match=f"holds {LARGEST_TRAY} pictures; remove one before adding 'one more'"):
        filled(LARGEST_TRAY).add("one more", "new")


@pytest.mark.parametrize("identity", ["p9", "", "../p0"])
def test_ids_of_other_trays_are_unknown(identity):
    with pytest.raises(RequestError, match="no picture"):
        filled(1).select(identity, True)
    with pytest.raises(RequestError, match="no picture"):
        filled(1).remove(identity)


@pytest.mark.parametrize(("block", "layer"), [(0, -1), (12, -1), (1, -12), (7, -6), (24, -1)])
def test_blocks_are_counted_from_one_on_the_page_and_from_the_end_in_core(block, layer):
    assert Settings(block=block).layer(depth=12) == layer


def test_settings_refuse_what_no_control_offers():
    with pytest.raises(RequestError, match="view is 'Depth'; choose from PCA"):
        Settings(view="Depth")
    with pytest.raises(RequestError, match="low < high"):
        Settings(options=pca.Options(low=50, high=50))
