"""`orc jobs schema` needs nothing but itself."""

import json


def test_the_schema_is_printed_without_a_gateway(orc, gateway):
    """Of a jobs file, or of one job; nobody is asked."""
    several, one = orc("jobs", "schema"), orc("jobs", "schema", "--one")
    assert (several.code, one.code, gateway.asked) == (0, 0, [])
    assert json.loads(several.out)["title"] == "A jobs file"
    assert json.loads(one.out)["$ref"] == "#/$defs/JobSpec"
