"""The schemas of job files are there for every editor."""

import pytest
from gateway.people import first_admin

from orc_runtime.job_schema import job_schema, jobs_schema


@pytest.mark.parametrize(
    ("path", "schema"), [("/schema/job.json", job_schema), ("/schema/jobs.json", jobs_schema)]
)
async def test_schemas_are_published(start_gateway, path, schema):
    """They are what the command prints; where a login is needed, for whoever has logged in."""
    gateway = await start_gateway(auth=True, mode="required")
    async with gateway.client() as client:
        nobody = await client.get(path)
        answer = await client.get(path, headers=await first_admin(client, start_gateway.bootstrap))
    assert nobody.status_code == 401
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/schema+json")
    assert answer.content == schema()


async def test_the_openapi_document_has_the_same_configs(client):
    """The body of POST /jobs leads to every extractor and loader with its words."""
    schemas = (await client.get("/schema/openapi.json")).json()["components"]["schemas"]
    kinds = schemas["TaskSpec"]["properties"]["extractor_config"]["oneOf"]
    assert {"$ref": "#/components/schemas/CsvExtract"} in kinds
    assert schemas["CsvExtract"]["properties"]["delimiter"]["description"]
