"""The laboratory's front door: ``streamlit run app.py``."""

import streamlit as st

from pages.ui.setup import navigate, run

if st.runtime.exists():
    run(navigate())  # for every visitor, and again at every move
else:
    from pages.ui import serving

    serving.rehearse(__file__)
    app = st.App(__file__, routes=serving.routes(), middleware=serving.middleware())
