"""What the checker says of the five documents: every verdict; of a fault its cause and line."""

import pytest
from documents.document import folder

from clearprop.check.handwritten.judging import check_file

#: Verdicts other than correct, with what is said: a cause, and of a fault its line.
SAID = {
    "000": {
        "ReLU": ("fault", {"overwritten": 171}),
        "affine": ("fault", {"unset": 337}),
    },
    "001": {
        "Relu": ("fault", {"overwritten": 213}),
        "SoftmaxWithLoss": ("convention", {"starts-the-chain": None}),
    },
    "002": {
        "ActivationLoss": ("fault", {"raises": 379}),
    },
    "003": {
        "Softmax": ("fault", {"jacobian": 208}),
        "ReLu": ("convention", {"kink": None}),
    },
    "004": {
        "Relu": ("fault", {"overwritten": 140}),
        "SoftmaxWithLoss": ("convention", {"starts-the-chain": None, "small-epsilon": None}),
        "TwoLayerNet": ("convention", {"small-epsilon": None}),
    },
}
COUNTS = {"000": 8, "001": 6, "002": 4, "003": 6, "004": 11}

#: What is to be written instead, where one line mends it.
REMEDIES = {
    ("000", "affine"): "dx = np.dot(dl, self.w.T)",
    ("000", "ReLU"): "dout = dout.copy()\ndout[self.mask] = 0",
    ("002", "ActivationLoss"): "self._loss = LossCrossEntropy()",
}


@pytest.fixture(scope="module", params=SAID)
def checked(documents, request):
    (path,) = folder().glob(f"{request.param}*.txt")
    return request.param, check_file(path)


def test_every_verdict(checked):
    number, report = checked
    assert len(report.judgements) == COUNTS[number]
    for judgement in report.judgements:
        verdict, _ = SAID[number].get(judgement.name, ("correct", {}))
        # a convention more or less is no fault
        allowed = {"correct": {"correct", "convention"}}.get(verdict, {verdict})
        assert judgement.verdict in allowed, judgement.name
        assert judgement.gradients or judgement.verdict == "fault", judgement.name


def test_every_cause_and_its_line(checked, documents):
    number, report = checked
    judged = {judgement.name: judgement for judgement in report.judgements}
    for name, (verdict, causes) in SAID[number].items():
        said = {finding.cause: finding for finding in judged[name].findings}
        assert causes.keys() <= said.keys(), name
        for cause, line in causes.items():
            assert said[cause].verdict == verdict
            if line is not None:
                assert said[cause].place.line == line
                assert said[cause].place.text.strip() == documents[number].lines[line - 1].strip()
        if verdict == "fault":
            faults = [finding for finding in judged[name].findings if finding.verdict == "fault"]
            assert {finding.cause for finding in faults} == causes.keys()


def test_what_is_to_be_written_instead(checked):
    number, report = checked
    for judgement in report.judgements:
        remedy = REMEDIES.get((number, judgement.name))
        if remedy is not None:
            assert judgement.findings[0].remedy == remedy
    if number == "003":
        (finding,) = [f for j in report.judgements for f in j.findings if f.cause == "jacobian"]
        assert "np.outer(single_output, single_output)" in finding.remedy
