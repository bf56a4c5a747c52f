"""The step vocabulary: each phrase of `checklist.phrases` and what it does. Step text alone decides."""

from talkqa.verify.vocabulary.table import VOCABULARY, StepFunction, Vocabulary

__all__ = ["VOCABULARY", "StepFunction", "Vocabulary"]
