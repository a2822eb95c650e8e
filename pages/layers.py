"""layers."""

import streamlit as st

from pages.ui.setup import set_up

say = set_up("layers")
st.write(say("Filters"))
