"""What is wrong with a target, about to be, or worth knowing: judged once, and read by every surface."""

from exporter.findings.judge import Finding, Standing, standing
from exporter.findings.kinds import Kind
from exporter.findings.words import Step, headline, moment, outlook, sentence, span, step, title

__all__ = [
    "Finding",
    "Kind",
    "Standing",
    "Step",
    "headline",
    "moment",
    "outlook",
    "sentence",
    "span",
    "standing",
    "step",
    "title",
]
