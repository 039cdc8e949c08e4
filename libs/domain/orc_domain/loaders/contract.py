"""What may become of a table when the rows' columns or types differ from its own."""

from typing import Literal

from msgspec import Struct

Entity = Literal["evolve", "freeze", "discard_value", "discard_row"]


class SchemaContract(Struct, frozen=True, forbid_unknown_fields=True):
    """
    A mode each for new tables, new columns and other types.

    `evolve` changes the table, `freeze` fails the load, `discard_value` leaves out what does not fit, `discard_row`
    puts the whole row into `_orc.quarantine` with the reason.
    """

    tables: Literal["evolve", "freeze"] = "evolve"
    """Whether a table that is not there may be made, child tables of nested rows among them."""
    columns: Entity = "evolve"
    """Columns that the table does not have."""
    data_type: Entity = "evolve"
    """`evolve` widens a column where every value it holds stays what it is, and fails the load where that cannot be."""
