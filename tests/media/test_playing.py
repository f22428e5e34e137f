"""What travels in a page plays in a browser."""

import base64

import pytest

from latentscape.media import link_media, pack_clips

DECODE = """async (data) => {
  const bytes = Uint8Array.from(atob(data), (sign) => sign.charCodeAt(0));
  const sound = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(bytes.buffer);
  return [sound.duration, Math.max(...sound.getChannelData(0))];
}"""


@pytest.mark.slow
def test_chromium_decodes_the_clips(browser, tmp_path, tone):
    paths = [tone(tmp_path / "a.wav", seconds=1.5)]
    media = pack_clips(link_media(tmp_path, paths), paths, budget_bytes=10**6)
    page = browser.new_page()
    try:
        duration, loudest = page.evaluate(DECODE, base64.b64encode(media.files[0]).decode())
    finally:
        page.close()
    assert 1.5 <= duration < 1.7
    assert loudest == pytest.approx(0.5, abs=0.1)
