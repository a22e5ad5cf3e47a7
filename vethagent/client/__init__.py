"""REST client over keystoneauth1; ``vethagent.client.v1.Client`` is where to begin."""
