"""Hosts of ORC_EGRESS_ALLOW are compared as DNS does, however a URL spells them."""

import pytest

from orc_domain.egress import parse_egress

PORT = 8443


@pytest.mark.parametrize(
    ("item", "host"),
    [
        ("Files.Internal.Example", "files.internal.EXAMPLE."),
        ("files.internal.example.", "files.internal.example"),
        ("*.internal.example", "A.internal.example."),
        ("xn--mller-kva.example", "müller.example"),
        ("xn--mller-kva.example", "MÜLLER.example."),
        ("*.xn--mller-kva.example", "a。müller.example"),
    ],
)
def test_a_listed_name_is_known_in_every_spelling(item, host):
    """Case, the last dot and letters beyond ASCII make no other name; another name is refused at such a port."""
    policy = parse_egress([item])
    assert policy.early_refusal(host, PORT) is None
    assert "does not list the host" in policy.early_refusal("other.example", PORT)


def test_an_item_in_other_letters_says_how_to_spell_it():
    """What DNS calls it cannot be guessed: two rules for it differ in some letters."""
    with pytest.raises(ValueError, match="as DNS has it, xn--"):
        parse_egress(["müller.example"])
