"""What to try where a document cannot be read: one sentence or two for each reason. Pure."""

from collections.abc import Mapping

from exporter.model import Observation, Phase, Reason

_NO_METADATA = (
    "Is it the metadata? AD FS publishes it at https://HOST/FederationMetadata/2007-06/FederationMetadata.xml."
)
_ON_THE_WAY = (
    "A proxy or a cache on the way may spoil the answer: ask the publisher's own server, or tell its administrator."
)

ADVICE: Mapping[Reason, str] = {
    Reason.DNS: "Is the name right, and does this machine know it (nslookup NAME)? --dns.resolver=system finds names"
    " that DNS does not have.",
    Reason.REFUSED: "Nobody listens at this address and port: is the port right, and does the service run?",
    Reason.UNREACHABLE: "No way leads there from here. If only a proxy leads out, name it as proxy_url of a module in a"
    " configuration file.",
    Reason.RESET: "Something closed the connection: a firewall, or a server that wants https:// where http:// was asked"
    " for, or the reverse.",
    Reason.TIMEOUT: "Most often a firewall drops what is sent. Try it from another place; if only a proxy leads out,"
    " name it as proxy_url of a module in a configuration file.",
    Reason.TLS_EXPIRED: "Renew the TLS certificate of the web server. It is no certificate of the rollover.",
    Reason.TLS_NAME: "Ask for a name that is in the TLS certificate, or give that name as server_name under tls_config"
    " of a module in a configuration file.",
    Reason.TLS_UNTRUSTED: "If your own authority issued the TLS certificate, name that authority's certificate (PEM):"
    " --ca-file=FILE, or with a configuration file ca_file under tls_config of the module. If one is named already, the"
    " TLS certificate is from another authority.",
    Reason.TLS: "Does a web server with TLS answer at this port? openssl s_client -connect HOST:PORT shows it.",
    Reason.PROXY: "Does the proxy run, and does it let this address through? It is the proxy_url of the module.",
    Reason.CREDENTIALS: "Is each file there that --ca-file or the module names, and each environment variable? May this"
    " user read it, and does it hold what it should: certificates and keys as PEM? With a configuration file,"
    " --config.check reads them all.",
    Reason.HTTP_STATUS: "Open the URL in a browser. Is the path right, and is the endpoint switched on? On AD FS:"
    " Get-AdfsEndpoint -AddressPath /FederationMetadata/2007-06/FederationMetadata.xml.",
    Reason.REDIRECT: "Give the address to which it leads in the end, if that is the publisher's own.",
    Reason.PROTOCOL: "Something else than a web server answers: is the port right, and is it https:// or http://?",
    Reason.ENCODING: _ON_THE_WAY,
    Reason.TRUNCATED: _ON_THE_WAY,
    Reason.TOO_LARGE: "Give the module a larger body_size_limit, in a configuration file.",
    Reason.FILE: "Is the path right, and may this user read the file? An address on the web begins with https://.",
    Reason.HTML: "A page for people came: for signing in, about an error, or from a firewall. Open it in a browser"
    " to see it. " + _NO_METADATA,
    Reason.DOCTYPE: "Ask the publisher for a document without <!DOCTYPE: metadata needs none.",
    Reason.NOT_XML: _NO_METADATA,
    Reason.NOT_METADATA: _NO_METADATA,
    Reason.NO_ENTITY: "Ask the publisher: the document names nobody.",
    Reason.ENTITY_MISMATCH: "Is the entityID right, which --entity or entity_id in the configuration names? Each letter"
    " counts: capitals, http:// or https://, a slash at the end. Search the document itself for entityID: it has all.",
    Reason.SIGNER_MISMATCH: "Does signer in the policy name the certificate that signs the document now? If it does,"
    " do not use the document before its publisher has explained it.",
    Reason.INTERNAL: "Please report it, with the traceback that is in the log.",
}
"""For every reason there is."""

_LONGER = "or give the module a longer timeout, in a configuration file."

_LATE: Mapping[Phase, str] = {
    Phase.RESOLVE: "The name was not found in time: does the name server of this machine answer (nslookup NAME)?"
    " --dns.resolver=system asks the system in its place.",
    Phase.TLS: "Something took the connection, and did not answer in TLS: does a web server with TLS answer at this"
    " port? openssl s_client -connect HOST:PORT shows it.",
    Phase.PROCESSING: "The server took the connection and the question, and did not answer in time: ask whoever runs"
    f" it, {_LONGER}",
    Phase.TRANSFER: f"The answer began, and did not end in time: ask whoever runs the server, {_LONGER}",
    Phase.PARSE: "The document came, and was not read in time: this machine is busy, or the document is large. Wait,"
    f" {_LONGER}",
}
"""Where the time ran out elsewhere than most often."""


def advice(observation: Observation) -> str:
    """What to try where a probe failed; empty where it did not."""
    if observation.reason is Reason.TIMEOUT:
        for phase, text in _LATE.items():
            if observation.detail.endswith(phase.stuck):
                return text
    return ADVICE[observation.reason] if observation.reason else ""
