"""The real network below a live transport: TLS, connections, proxies of the environment; and the client above it."""

import ssl
import urllib.request
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from talkqa.model.protocols import Clock
from talkqa.transport.budget import CallBudget
from talkqa.transport.live import LiveTransport, Patience, ReadRates
from talkqa.transport.rates import read_rates


class NetworkTransport(httpx.AsyncBaseTransport):
    """Sends each request once over TCP.

    httpx heeds the environment's proxies only in clients that make their transports themselves; here the same
    variables count (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`).
    """

    def __init__(self, *, connections: int = 8, ssl_context: ssl.SSLContext | None = None) -> None:
        """Prepare; nothing is connected.

        Args:
            connections: At most so many at once; the cost of a pool (httpcore 1.0.9) grows with their square.
            ssl_context: Whom to trust; None for `trusted()`.
        """
        self._limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._ssl = ssl_context or trusted()
        self._by_proxy: dict[str | None, httpx.AsyncHTTPTransport] = {}
        self._proxies: dict[tuple[str, str], str | None] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it directly, or through the proxy that the environment names for its host."""
        place = (request.url.scheme, request.url.host)
        if place not in self._proxies:
            self._proxies[place] = find_proxy(request.url)
        proxy = self._proxies[place]
        transport = self._by_proxy.get(proxy)
        if transport is None:
            transport = httpx.AsyncHTTPTransport(verify=self._ssl, trust_env=False, limits=self._limits, proxy=proxy)
            self._by_proxy[proxy] = transport
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        for transport in self._by_proxy.values():
            await transport.aclose()
        self._by_proxy.clear()


@cache
def trusted() -> ssl.SSLContext:
    """Whom httpx trusts by default, with what `SSL_CERT_FILE` and `SSL_CERT_DIR` name; made once, it takes 50 ms."""
    return httpx.create_ssl_context()


def find_proxy(url: httpx.URL) -> str | None:
    """The proxy for a URL by the environment; None for a direct connection."""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(url.host):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def open_live(
    *,
    clock: Clock,
    budget: CallBudget,
    patience: Patience | None = None,
    seed: int = 0,
    rates: ReadRates = read_rates,
    connections: int = 8,
    ssl_context: ssl.SSLContext | None = None,
) -> LiveTransport:
    """A live transport over the real network; see `LiveTransport` and `NetworkTransport` for the arguments."""
    network = NetworkTransport(connections=connections, ssl_context=ssl_context)
    return LiveTransport(network, clock=clock, budget=budget, patience=patience, seed=seed, rates=rates)


def open_http(transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
    """What clients speak through: follows no redirect, keeps no cookie, sets no time limits of its own."""
    forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    deadlines = httpx.Timeout(None)  # those of the live transport hold
    return httpx.AsyncClient(
        transport=transport, follow_redirects=False, timeout=deadlines, trust_env=False, cookies=forgetful
    )
