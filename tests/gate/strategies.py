"""Any policy and any envelope over a few digits, so that addresses often meet."""

from __future__ import annotations

from hypothesis import strategies as st

from gate.cases import ANN, ANN_LID, BOB, SWITCHES, policy
from wa_supervisor.gate import (
    Broadcast,
    Chat,
    Entry,
    Envelope,
    GatePolicy,
    Group,
    Identity,
    Lid,
    Newsletter,
    Other,
    Phone,
    Status,
    Wildcard,
)

users = st.sampled_from([ANN, BOB, ANN_LID])
phones = users.map(Phone)
lids = users.map(Lid)
people = st.one_of(
    phones.map(lambda phone: Identity(phone=phone)),
    lids.map(lambda lid: Identity(lid=lid)),
    st.builds(Identity, lids, phones),
)
groups = users.map(Group)
entries: st.SearchStrategy[Entry] = st.one_of(phones, lids, groups, st.sampled_from(Wildcard))
policies: st.SearchStrategy[GatePolicy] = st.fixed_dictionaries(
    {"allow": st.lists(entries, max_size=4)}
    | {name: st.sampled_from(values) for name, values in SWITCHES.items()}
).map(lambda settings: policy(**settings))
places: st.SearchStrategy[Chat] = st.one_of(
    groups,
    st.just(Status()),
    users.map(Broadcast),
    users.map(Newsletter),
    users.map(lambda user: Other(user, "bot")),
)
direct: st.SearchStrategy[Envelope] = people.map(lambda one: Envelope(chat=one, sender=one))
envelopes: st.SearchStrategy[Envelope] = direct | st.builds(
    Envelope,
    chat=people | places,
    sender=people | st.none(),
    from_me=st.booleans(),
    mentions_me=st.booleans(),
    replies_to_me=st.booleans(),
    about_admitted=st.booleans(),
)
