"""Transfer: a network trained on ImageNet names a photo, then learns the visitor's own classes."""

import streamlit as st

from pages.ui import address
from pages.ui.setup import friendly, set_up
from pages.ui.transfer import show_view

say = set_up("transfer")
with st.container(key="experiment"), friendly(say):
    show_view(say)
address.report_ignored(say)
