"""train."""

import streamlit as st

from pages.ui.setup import set_up

say = set_up("train")
st.write(say("Filters"))
