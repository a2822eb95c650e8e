"""filters."""

import streamlit as st

from pages.ui.setup import set_up

say = set_up("filters")
st.write(say("Filters"))
