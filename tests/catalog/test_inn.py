import pytest

from catalog.inn import modality_codes


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Tezepelumab 210 mg", ["monoclonal-antibody"]),
        ("SC rilvegostomig + rHu", ["monoclonal-antibody"]),
        ("trastuzumab-dkst", ["monoclonal-antibody"]),
        ("Trastuzumab deruxtecan", ["antibody-drug-conjugate"]),
        ("pembrolizumab and enfortumab vedotin",
         ["antibody-drug-conjugate", "monoclonal-antibody"]),
        ("Inclisiran", ["oligonucleotide"]),
        ("nusinersen", ["oligonucleotide"]),
        ("axicabtagene ciloleucel", ["car-t"]),
        ("lifileucel", ["cell-therapy"]),
        ("onasemnogene abeparvovec", ["gene-therapy"]),
        ("Standard treatment with placebo tablets in the lab", []),
        ("irinotecan", []),
        ("A big mig, a mab", []),
        ("", []),
    ],
)  # fmt: skip
def test_a_name_tells_its_kind(text, codes):
    assert modality_codes(text) == codes
