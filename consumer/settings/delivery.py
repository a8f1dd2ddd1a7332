"""The settings of the Seg side."""

from typing import Annotated, Literal

from pydantic import Field

from consumer.settings.kinds import ReadableFile, Section, SecureUrl, Url, WebsiteId
from consumer.settings.rules import at_least


class DeliverySettings(Section):
    """How calls reach Seg."""

    endpoint: SecureUrl = "https://tracker.segapp.com"
    """Where calls are posted to, as it stands."""
    website_id: WebsiteId
    """Seg's Website Id, with or without braces: the key that every request carries."""
    mode: Literal["single", "batch"] = "single"
    """One call a request, or a JSON array of calls."""
    batch_max_calls: Annotated[int, Field(ge=1, le=10_000)] = 50
    """The most calls in a batch."""
    batch_max_bytes: Annotated[int, Field(ge=1_000, le=10_000_000)] = 500_000
    """The most bytes in a batch; a larger call goes alone. Segment allows 500 KB."""
    batch_max_age_s: Annotated[float, Field(ge=0, le=60)] = 0.2
    """How long the first call of a batch waits for more."""
    min_in_flight: Annotated[int, Field(ge=1, le=10_000)] = 1
    """The fewest concurrent requests to which throttling by Seg may push the program."""
    max_in_flight: Annotated[int, Field(ge=1, le=10_000), at_least("min_in_flight")] = 1_024
    """The most concurrent requests; how many there are is found by latency."""
    max_requests_per_second: Annotated[float, Field(ge=0.001, le=1_000_000)] | None = None
    """A fixed ceiling on the rate of requests; without it Seg's answers alone set the rate."""
    connect_timeout_s: Annotated[float, Field(ge=0.01, le=300)] = 5
    """How long a connection may take, TLS included."""
    timeout_s: Annotated[float, Field(ge=0.01, le=300), at_least("connect_timeout_s")] = 30
    """How long a request may take in all."""
    retry_budget_s: Annotated[float, Field(ge=0, le=604_800)] = 14_400
    """How long a call is retried while Seg fails for everybody; Segment itself takes four hours."""
    retry_base_s: Annotated[float, Field(ge=0.001, le=3_600)] = 1
    """The longest wait before the first retry; it doubles with each."""
    retry_max_s: Annotated[float, Field(ge=0.001, le=86_400), at_least("retry_base_s")] = 300
    """The longest wait before any retry."""
    retry_after_max_s: Annotated[float, Field(ge=0, le=86_400)] = 900
    """The longest wait that Seg's `Retry-After` can ask for."""
    max_attempts: Annotated[int, Field(ge=1, le=1_000)] = 10
    """How often a call is tried that fails while others succeed; then it is a dead letter."""
    probe_interval_s: Annotated[float, Field(ge=0.01, le=3_600)] = 30
    """How often Seg is asked again after it refused the key or the endpoint, and at least so
    often in an outage."""
    ca_file: ReadableFile | None = None
    """The PEM file of the authorities that may vouch for Seg; without it the system's."""
    proxy: Url | None = None
    """The proxy before Seg; without it the environment's (`https_proxy`, `all_proxy`, `no_proxy`).
    This very machine is always reached directly."""
