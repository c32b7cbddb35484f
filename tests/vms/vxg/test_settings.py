"""What the site file may say, and the sentence when it may not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bridge.vms.vxg import VxgCamera, VxgSettings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"url": "http://web.x.example"}, "add allow_http: true if you mean it"),
        ({"url": "web.x.example"}, "begins with https://"),
        ({"url": "https://user:hunter2@web.x.example"}, "leave user and password out"),
        ({"url": "https://web.x.example/?token=hunter2"}, "without ?"),
        ({"upload_pictures": True}, "VXG documents no call"),
        ({"event_names": {"a": "Plate Recognition"}}, "small letters, digits and _"),
        ({"time_digits": 2}, "Input should be"),
        ({"tls": {"verify": False}}, "allow_insecure: true"),
        ({"api_key": "x"}, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused_in_a_plain_sentence(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence.replace("?", r"\?")) as error:
        VxgSettings.model_validate({"type": "vxg", **settings})
    told = error.value.errors(include_input=False, include_url=False, include_context=False)
    assert "hunter2" not in str(told)


def test_a_simulator_without_tls_has_to_be_meant() -> None:
    assert VxgSettings.model_validate({"type": "vxg", "url": "http://127.0.0.1:8083/", "allow_http": True}).url == (
        "http://127.0.0.1:8083"
    )


def test_a_token_in_the_site_file_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValidationError, match="never the secret itself"):
        VxgCamera.model_validate({"vms": "cloud", "id": 4711, "token": "eyJjYW1pZCI6NDcxMX0="})


def test_pictures_are_said_to_be_impossible_and_every_setting_is_described() -> None:
    for model in (VxgSettings, VxgCamera):
        for name, field in model.model_fields.items():
            assert field.description, name
