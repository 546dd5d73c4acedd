"""What is wrong with a target, about to be, or worth knowing: judged once, and read by every surface."""

from exporter.findings.finding import UNKNOWN, Finding, Standing
from exporter.findings.judge import of_one, standing
from exporter.findings.kinds import Kind
from exporter.findings.phrases import ends, moment, predicted, span
from exporter.findings.steps import Block, Step
from exporter.findings.words import differing, headline, outlook, sentence, step, title

__all__ = [
    "UNKNOWN",
    "Block",
    "Finding",
    "Kind",
    "Standing",
    "Step",
    "differing",
    "ends",
    "headline",
    "moment",
    "of_one",
    "outlook",
    "predicted",
    "sentence",
    "span",
    "standing",
    "step",
    "title",
]
